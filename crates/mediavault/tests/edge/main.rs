//! The edge: pages of other origins, headers of every answer, hosts, and TLS of the program's own.
//! Promise: every case names itself where it fails.

mod headers;
mod hosts;
mod origins;
