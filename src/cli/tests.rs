use super::*;

fn parse(line: &str) -> Result<Command, String> {
    let words = std::iter::once("portcullis").chain(line.split_whitespace());
    Cli::try_parse_from(words).map(|cli| cli.command).map_err(|error| error.to_string())
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_flag_is_an_environment_variable() {
    for command in Cli::command().get_subcommands() {
        for argument in command.get_arguments().filter(|argument| argument.get_long().is_some()) {
            let name = argument.get_long().unwrap_or_default();
            if matches!(name, "help" | "version") {
                continue;
            }
            let expect = format!("PORTCULLIS_{}", name.to_uppercase().replace('-', "_"));
            let found = argument.get_env().and_then(|name| name.to_str());
            assert_eq!(found, Some(expect.as_str()), "{} --{name}", command.get_name());
        }
    }
}

#[test]
fn flags_have_the_documented_defaults() {
    let Ok(Command::Standalone(args)) = parse("standalone --manifests m --state s") else { panic!() };
    let text = format!("{args:?}");
    for expect in ["listen: 127.0.0.1:8080", "internal_listen: 127.0.0.1:9090", "provider: None", "trusted_proxy: []"] {
        assert!(text.contains(expect), "{expect} in {text}");
    }
}

#[test]
fn with_tls_a_server_listens_elsewhere_unless_it_is_told_where() {
    let check = |line: &str, expect: &str| {
        let (Command::Server(_) | Command::Run(_) | Command::Standalone(_)) = &parse(line).unwrap() else { panic!() };
        let text = format!("{:?}", parse(line).unwrap());
        assert!(text.contains(&format!("listen: {expect}, internal")), "{line}: {text}");
    };
    let tls = "--tls-cert-file a --tls-key-file b";
    for command in ["server --store sqlite:s", "run --store sqlite:s"] {
        check(command, "0.0.0.0:8080");
        check(&format!("{command} {tls}"), "0.0.0.0:8443");
        check(&format!("{command} {tls} --listen [::]:443"), "[::]:443");
    }
    check(&format!("standalone --manifests m --state s {tls}"), "127.0.0.1:8080");
}

#[test]
fn what_is_asked_for_wrongly_is_refused() {
    for (line, says) in [
        ("", "Usage"),
        ("serve", "unrecognized subcommand"),
        ("standalone --manifests m", "--state"),
        ("standalone --manifests m --state s --provider default", "NAMESPACE/NAME"),
        ("standalone --manifests m --state s --listen 8080", "invalid socket address"),
        ("standalone --manifests m --state s --trusted-proxy 10.0.0.0/64", "prefix"),
        ("standalone --manifests m --state s --log-format xml", "possible values: json, pretty"),
        ("check", "--filename"),
        ("check -f x -o yaml", "possible values: text, json"),
        ("completions klingon", "possible values"),
    ] {
        let error = parse(line).unwrap_err();
        assert!(error.contains(says), "{line}: {error}");
    }
}

#[test]
fn lists_are_given_one_by_one_or_together() {
    let Ok(Command::Check(args)) = parse("check -f a -f b --filename c") else { panic!() };
    assert!(format!("{args:?}").contains(r#"["a", "b", "c"]"#), "{args:?}");
    let Ok(Command::Standalone(args)) =
        parse("standalone --manifests m --state s --trusted-proxy 10.0.0.0/8,::1 --trusted-proxy 192.0.2.1")
    else {
        panic!()
    };
    assert_eq!(format!("{args:?}").matches("Cidr {").count(), 3, "{args:?}");
    let tls = "--tls-cert-file a,b --tls-cert-file c --tls-key-file d --tls-key-file e,f";
    let Ok(Command::Server(args)) = parse(&format!("server --store sqlite:s {tls}")) else { panic!() };
    assert!(
        format!("{args:?}").contains(r#"tls_cert_file: ["a", "b", "c"], tls_key_file: ["d", "e", "f"]"#),
        "{args:?}"
    );
}
