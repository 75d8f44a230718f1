//! Which URLs and addresses may be reached on a user's behalf. Pure but for one question to the system: whether an address
//! is this machine's. Sources: the WHATWG URL and Fetch standards, OWASP's cheat sheet on request forgery.
//! Not here: which addresses are public (`core::public_address`), lookups and connections (`client`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use mv_core::public_address::is_public;
use url::{Host, Position, Url};

/// The longest URL that is taken, in bytes.
const LONGEST: usize = 2048;

/// Ports that browsers refuse (Fetch standard, section "bad ports"): no receiver of HTTP lives there.
const BAD_PORTS: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
    5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// Ports of files, databases, caches, remote screens and control planes, some of which take a request for commands.
const SERVICE_PORTS: [u16; 17] =
    [445, 1433, 1521, 2375, 2379, 2380, 3306, 3389, 5432, 5900, 6379, 9042, 9200, 9300, 10250, 11211, 27017];

/// What the operator allows.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Addresses that are not of the public internet too.
    pub allow_private: bool,
    /// This machine's loopback addresses too.
    pub allow_loopback: bool,
    /// These ports alone; without a list any but those at which no receiver lives.
    pub ports: Option<Vec<u16>>,
    /// Where this server itself is reached.
    pub own: Vec<Own>,
}

/// A way to this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Own {
    /// What people type: a name, or an address (IPv6 in brackets), and the port.
    Public {
        /// In lower case.
        host: String,
        /// Of the URL, or its scheme's.
        port: u16,
    },
    /// The socket.
    Listen(SocketAddr),
}

/// Why something may not be reached. Its words are for who named the URL: they tell nothing about this network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Must be an absolute URL such as https://example.com/hooks, of at most 2048 characters")]
    Form,
    #[error("Must begin with https:// or http://")]
    Scheme,
    #[error("Must not have a user name or a password")]
    UserInfo,
    #[error("Must not have a fragment (#)")]
    Fragment,
    #[error("Must have a port that is allowed here")]
    Port,
    #[error("Must be at an address of the public internet")]
    Private,
    #[error("Must not be this server itself")]
    Own,
}

/// A URL whose form is allowed. Its addresses are still to be judged.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) host: Host<String>,
    pub(super) port: u16,
}

impl Target {
    /// Scheme, host and port as text: connections are shared by it.
    pub(super) fn origin(&self) -> &str {
        &self.url[..Position::BeforePath]
    }

    pub(super) fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }
}

impl Policy {
    /// Reads a URL that a user names and judges everything but the addresses of its name.
    pub(super) fn target(&self, text: &str) -> Result<Target, Refusal> {
        let url = parse(text)?;
        let port = url.port_or_known_default().ok_or(Refusal::Scheme)?;
        let allowed = match &self.ports {
            Some(ports) => ports.contains(&port),
            None => !BAD_PORTS.contains(&port) && !SERVICE_PORTS.contains(&port),
        };
        if !allowed {
            return Err(Refusal::Port);
        }
        let host = url.host().ok_or(Refusal::Form)?.to_owned();
        match &host {
            Host::Ipv4(address) => self.judge(port, &[IpAddr::V4(*address)], &[])?,
            Host::Ipv6(address) => self.judge(port, &[IpAddr::V6(*address)], &[])?,
            Host::Domain(name) => self.judge_name(name, port)?,
        }
        Ok(Target { url, host, port })
    }

    /// Names that are refused whatever they resolve to: this machine's (RFC 6761 section 6.3) and the server's own.
    fn judge_name(&self, name: &str, port: u16) -> Result<(), Refusal> {
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() {
            return Err(Refusal::Form);
        }
        let is_localhost = name == "localhost" || name.ends_with(".localhost");
        if is_localhost && self.is_strict() {
            return Err(Refusal::Private);
        }
        let is_own =
            |own: &Own| matches!(own, Own::Public { host, port: at } if host == name && self.counts(*at, port));
        if self.own.iter().any(is_own) { Err(Refusal::Own) } else { Ok(()) }
    }

    /// Judges every address that a name has; `own` are those of the server's own names. One bad address spoils all: which
    /// of them a connection takes is chance.
    pub(super) fn judge(&self, port: u16, addresses: &[IpAddr], own: &[IpAddr]) -> Result<(), Refusal> {
        if !addresses.iter().all(|address| self.allows(address.to_canonical())) {
            return Err(Refusal::Private);
        }
        let is_own = |address: &IpAddr| self.is_own(address.to_canonical(), port, own);
        if addresses.iter().any(is_own) { Err(Refusal::Own) } else { Ok(()) }
    }

    fn allows(&self, address: IpAddr) -> bool {
        if is_public(address) {
            return true;
        }
        let nobody = match address {
            IpAddr::V4(address) => address.is_unspecified() || address.is_multicast() || address.is_broadcast(),
            IpAddr::V6(address) => address.is_unspecified() || address.is_multicast(),
        };
        !nobody && (self.allow_private || (self.allow_loopback && address.is_loopback()))
    }

    fn is_own(&self, address: IpAddr, port: u16, resolved: &[IpAddr]) -> bool {
        let lenient = !self.is_strict();
        let by_name = self.own.iter().any(|own| match own {
            Own::Public { host, port: at } => {
                let literal =
                    host.trim_matches(['[', ']']).parse().is_ok_and(|own: IpAddr| own.to_canonical() == address);
                literal && self.counts(*at, port)
            }
            Own::Listen(at) => lenient && at.port() == port && (at.ip().to_canonical() == address || is_here(address)),
        });
        by_name || (!lenient && (resolved.contains(&address) || is_here(address)))
    }

    /// Where only public addresses are allowed, the whole of the own host is refused; else its own port alone, because
    /// receivers may well live on the same machine.
    fn counts(&self, own: u16, port: u16) -> bool {
        own == port || self.is_strict()
    }

    /// Whether only the public internet may be reached.
    pub(super) fn is_strict(&self) -> bool {
        !self.allow_private && !self.allow_loopback
    }
}

/// Reads a URL. What parsers disagree about is refused before the parser repairs it: control characters, blanks and
/// backslashes, slashes too few or too many, anything before an `@`.
fn parse(text: &str) -> Result<Url, Refusal> {
    let odd = |letter: char| letter.is_control() || letter.is_whitespace() || letter == '\\';
    if text.len() > LONGEST || text.contains(odd) {
        return Err(Refusal::Form);
    }
    let (scheme, rest) = text.split_once(':').ok_or(Refusal::Form)?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err(Refusal::Scheme);
    }
    let rest = rest.strip_prefix("//").ok_or(Refusal::Form)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(Refusal::Form);
    }
    if authority.contains('@') {
        return Err(Refusal::UserInfo);
    }
    let url = Url::parse(text).map_err(|_| Refusal::Form)?;
    if url.as_str().len() > LONGEST {
        return Err(Refusal::Form);
    }
    if url.fragment().is_some() {
        return Err(Refusal::Fragment);
    }
    // The first look at the text and the parser must mean the same.
    let plain = url.username().is_empty() && url.password().is_none() && matches!(url.scheme(), "http" | "https");
    if plain { Ok(url) } else { Err(Refusal::UserInfo) }
}

/// Whether the address is one of this machine's: the system would then speak to it from itself. Nothing is sent, since a
/// datagram socket only looks up the way when it connects.
fn is_here(address: IpAddr) -> bool {
    if address.is_loopback() {
        return true;
    }
    let from: SocketAddr = match address {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let own = UdpSocket::bind(from).and_then(|socket| {
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    own.is_ok_and(|own| own.ip() == address)
}

#[cfg(test)]
mod tests;
