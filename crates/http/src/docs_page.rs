//! The readable page at `/api/docs`.

/// Policy of the page.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'";
/// Policy of the JSON.
pub const NO_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Renders the page from the description's JSON text.
pub fn render(description: &[u8]) -> String {
    String::from_utf8_lossy(description).into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn dump() {
        std::fs::write("/tmp/docs_openapi.json", crate::router::description_json().unwrap()).unwrap();
    }
}
