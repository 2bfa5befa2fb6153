use super::place::{Authority, Paper, provider};
use crate::tls::certificate::Certificate;
use crate::tls::files::{Contents, TlsFiles};
use crate::tls::names::ByName;

fn certificate(paper: &Paper) -> Certificate {
    let contents = Contents {
        certificate: paper.certificate.clone().into_bytes(),
        key: crypto::Secret::new(paper.key.clone().into_bytes()),
    };
    Certificate::new(&TlsFiles { certificate: "c".into(), key: "k".into() }, &contents, &provider()).unwrap()
}

#[test]
fn a_name_finds_its_certificates() {
    let authority = Authority::new();
    let papers = [
        authority.paper(&["id.example.com"]),
        authority.paper(&["*.example.com", "EXAMPLE.com"]),
        authority.paper(&["id.example.com", "notes.example.com"]),
        authority.paper(&["f*.example.org", "127.0.0.1"]),
    ];
    let certificates: Vec<_> = papers.iter().map(certificate).collect();
    let names = ByName::new(certificates.iter());
    let check = |name: &str, expect: &[usize]| {
        let found: Vec<_> = names.find(name).iter().map(|found| found.cert[0].clone()).collect();
        let expect: Vec<_> = expect.iter().map(|number| papers[*number].der.clone()).collect();
        assert!(found == expect, "{name}: {} of {}", found.len(), expect.len());
    };
    check("id.example.com", &[0, 2]);
    check("ID.Example.COM", &[0, 2]);
    check("notes.example.com", &[2]);
    check("other.example.com", &[1]);
    check("example.com", &[1]);
    check("a.b.example.com", &[]);
    check("com", &[]);
    check("", &[]);
    check("foo.example.org", &[]);
    check("127.0.0.1", &[]);
    let text = format!("{names:?}");
    assert!(text.contains("id.example.com") && !text.contains("key"), "{text}");
}
