//! The small pages that links open: `/setup`, `/register`, `/reset` and `/confirm`. One style and one script serve all
//! of them; the web UI may take a page's place and use the same routes of the API.
//! Promise: nothing is loaded from elsewhere, the secret is read from the fragment alone and leaves the page only in the
//! body of the one request that uses it up; it is taken out of the address bar and the history at once.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::state::AppState;

const STYLE: &str = include_str!("link_pages/style.css");
const SCRIPT: &str = include_str!("link_pages/script.js");

/// A page: what it says, what it asks, and the route of the API that it calls.
struct Page {
    path: &'static str,
    title: &'static str,
    about: &'static str,
    /// Relative to the base.
    action: &'static str,
    /// The member of the body that takes the secret; also its name in the fragment.
    secret: &'static str,
    fields: &'static [Field],
    button: &'static str,
    done: &'static str,
}

/// A field of a form; its name is the member of the body.
struct Field {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    autocomplete: &'static str,
    hint: &'static str,
    optional: bool,
}

const EMAIL: Field =
    Field { name: "email", label: "E-mail address", kind: "email", autocomplete: "email", hint: "", optional: false };
const USERNAME: Field = Field {
    name: "username",
    label: "Username",
    kind: "text",
    autocomplete: "username",
    hint: "A second name to log in with. 2 to 32 letters, digits, dots, hyphens or underscores.",
    optional: true,
};
const PASSWORD: Field = Field {
    name: "password",
    label: "Password",
    kind: "password",
    autocomplete: "new-password",
    hint: "At least 8 characters. A few words that do not belong together are good.",
    optional: false,
};

const PAGES: [Page; 4] = [
    Page {
        path: "/setup",
        title: "Set up Media Vault",
        about: "This makes the first administrator’s account. The link works once, for 30 minutes after the server started.",
        action: "/setup",
        secret: "token",
        fields: &[EMAIL, USERNAME, PASSWORD],
        button: "Make the account",
        done: "Done. You can log in now as the administrator of this server.",
    },
    Page {
        path: "/register",
        title: "Join Media Vault",
        about: "You were invited to make an account on this server. The invite works once.",
        action: "/auth/register",
        secret: "invite",
        fields: &[EMAIL, USERNAME, PASSWORD],
        button: "Make the account",
        done: "Welcome. Your account is made; you can log in now.",
    },
    Page {
        path: "/reset",
        title: "Choose a new password",
        about: "The link works once, for an hour. You will be logged out everywhere else.",
        action: "/auth/password/reset",
        secret: "token",
        fields: &[Field { name: "new_password", label: "New password", ..PASSWORD }],
        button: "Set the password",
        done: "Done. You can log in with the new password now.",
    },
    Page {
        path: "/confirm",
        title: "Confirm your address",
        about: "From then on this is the address of your account, and the one that you log in with.",
        action: "/auth/email/confirm",
        secret: "token",
        fields: &[],
        button: "Confirm the address",
        done: "Done. Your account has the new address.",
    },
];

/// The routes of the pages.
pub(crate) fn routes() -> Router<AppState> {
    let policy = HeaderValue::from_str(&policy()).unwrap_or(HeaderValue::from_static(crate::docs_page::NO_POLICY));
    PAGES.iter().fold(Router::new(), |router, page| {
        let (body, policy) = (Bytes::from(page.render()), policy.clone());
        router.route(page.path, get(move || async move { served(body, policy) }))
    })
}

/// Never kept: what is shown depends on the secret, and a page out of a cache would be the page of another version.
fn served(body: Bytes, policy: HeaderValue) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, body).into_response()
}

/// The `Content-Security-Policy` of the pages (CSP Level 3): their own style and script by SHA-256, requests to this
/// server alone, no form sent by the browser itself, which would put the password into an address.
pub fn policy() -> String {
    let hash = |block: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(block)));
    format!(
        "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

impl Page {
    fn render(&self) -> String {
        let Self { title, about, action, secret, button, done, .. } = self;
        let fields: String = self.fields.iter().map(Field::render).collect();
        let member = if *secret == "invite" { "invite_token" } else { secret };
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <p class=\"brand\">Media Vault</p>\n<h1>{title}</h1>\n<p class=\"about\">{about}</p>\n\
             <noscript><p class=\"message bad\">This page needs JavaScript.</p></noscript>\n\
             <p class=\"message\" id=\"message\" role=\"alert\" hidden></p>\n\
             <form id=\"form\" hidden data-action=\"/api/v1{action}\" data-secret=\"{secret}\" data-member=\"{member}\" data-done=\"{done}\">\n\
             {fields}<button type=\"submit\">{button}</button>\n</form>\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
        )
    }
}

impl Field {
    fn render(&self) -> String {
        let Self { name, label, kind, autocomplete, hint, optional } = self;
        let mark = if *optional { " <span class=\"optional\">optional</span>" } else { "" };
        let required = if *optional { "" } else { " required" };
        let show = if *kind == "password" {
            format!(
                "<button type=\"button\" class=\"show\" aria-pressed=\"false\" aria-controls=\"{name}\">Show</button>"
            )
        } else {
            String::new()
        };
        let (hint, described) = if hint.is_empty() {
            (String::new(), format!("{name}-problem"))
        } else {
            (format!("<p class=\"hint\" id=\"{name}-hint\">{hint}</p>\n"), format!("{name}-hint {name}-problem"))
        };
        format!(
            "<div class=\"field\">\n<label for=\"{name}\">{label}{mark}</label>\n<div class=\"line\">\
             <input id=\"{name}\" name=\"{name}\" type=\"{kind}\" autocomplete=\"{autocomplete}\" autocapitalize=\"none\" spellcheck=\"false\" \
             aria-describedby=\"{described}\"{required}>{show}</div>\n\
             {hint}<p class=\"problem\" id=\"{name}-problem\" hidden></p>\n</div>\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_small_whole_and_loads_nothing() {
        for page in &PAGES {
            let html = page.render();
            assert!(html.len() < 16 * 1024, "{}: {} bytes", page.path, html.len());
            assert!(html.contains(STYLE) && html.contains(SCRIPT), "{}", page.path);
            for outside in ["http:", "https:", "src=", "url(", "@import"] {
                assert!(!html.contains(outside), "{}: {outside}", page.path);
            }
            // Handlers and styles in attributes are what the policy forbids.
            assert!(!html.contains(" style=") && !html.contains(" onclick"), "{}", page.path);
        }
    }

    #[test]
    fn pages_call_routes_that_there_are() {
        let description = crate::router::description();
        for page in &PAGES {
            assert!(description.paths.paths[page.action].post.is_some(), "{}", page.action);
        }
    }
}
