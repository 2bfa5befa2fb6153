//! What a request costs the server: the released program over loopback, under a load that is not ours.
//!
//! The cost is the processor time of the server for each request, from /proc: on a machine that the load shares with it,
//! that says more than how many a second there were. Beside it stands what the bare signatures cost here and now.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use crypto::{Algorithm, SigningKey};
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;
use xtask::process::{Log, Process};
use xtask::{binaries, http, ports};

use crate::wrk::{self, Request, Run, Script};

const PASSWORD: &str = "correct horse battery staple";

/// A folder that is kept in memory (Linux).
const MEMORY: &str = "/dev/shm";

/// Processor time in /proc is counted in these (`getconf CLK_TCK` on Linux).
const TICKS_PER_SECOND: f64 = 100.0;

/// How much to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds of each run.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    seconds: u64,

    /// Connections at once; repeat for several.
    #[arg(long, value_name = "COUNT", default_values_t = [1, 16, 64])]
    connections: Vec<usize>,

    /// Only what has this in its name.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

/// Measures, and prints what came of it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let binary = binaries::portcullis("bench")?;
    let most = args.connections.iter().copied().max().unwrap_or(1);
    let server = Server::start(&binary, &std::env::temp_dir(), most)?;
    // The same with nothing to wait for: what of a write is the disk's.
    let in_memory = Server::start(&binary, Path::new(MEMORY), most)?;
    let floor = [Algorithm::RS256, Algorithm::ES256].map(|algorithm| (algorithm, signature(algorithm)));
    for (algorithm, cost) in &floor {
        println!(
            "bare signature {}: {:.1} µs, all cores signing",
            algorithm.as_str(),
            cost.as_ref().map_or(f64::NAN, |cost| *cost)
        );
    }
    println!("server, before any of it: {:.1} MiB resident", f64::from(server.status("VmRSS:")?) / 1024.0);
    println!(
        "{:<40}{:>6}{:>11}{:>10}{:>10}{:>12}{:>8}{:>6}",
        "what", "conns", "each/s", "p50 ms", "p99 ms", "cpu µs each", "errors", "MiB"
    );
    let mut rows = Vec::new();
    for connections in args.connections.iter().copied() {
        let mut all: Vec<_> = server.scenarios(connections)?.into_iter().map(|one| (&server, one)).collect();
        let writing = in_memory.scenarios(connections)?.into_iter().filter(|(_, request)| request.script.writes());
        all.extend(writing.map(|(name, request)| (&in_memory, (format!("{name}, in memory"), request))));
        for (server, (name, request)) in all.into_iter().filter(|(_, (name, _))| name.contains(&args.only)) {
            let (run, cpu) = server.measure(&request, connections, Duration::from_secs(args.seconds))?;
            let Run { requests, seconds, p50, p99, errors } = run;
            let resident = server.status("VmRSS:")?;
            println!(
                "{name:<40}{connections:>6}{:>11.0}{p50:>10.2}{p99:>10.2}{cpu:>12.1}{errors:>8}{:>6.0}",
                requests / seconds,
                f64::from(resident) / 1024.0
            );
            rows.push(json!({
                "request": name, "connections": connections, "per_second": (requests / seconds).round(), "p50_ms": p50,
                "p99_ms": p99, "cpu_us": (cpu * 10.0).round() / 10.0, "errors": errors, "resident_kib": resident,
            }));
        }
    }
    let floor: serde_json::Map<_, _> =
        floor.iter().map(|(algorithm, cost)| (algorithm.as_str().to_owned(), json!(cost.as_ref().ok()))).collect();
    println!("{}", json!({"signature_us": floor, "rows": rows}));
    Ok(())
}

/// Microseconds for a signature over a token of the usual size, while every core makes them: cores that share their units
/// are slower together than one alone, and under load the server has them all.
fn signature(algorithm: Algorithm) -> Result<f64> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let costs: Vec<Result<f64>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| signature_on_one(algorithm))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread died"))).collect()
    });
    let costs = costs.into_iter().collect::<Result<Vec<f64>>>()?;
    Ok(costs.iter().sum::<f64>() / f64::from(u32::try_from(costs.len())?))
}

fn signature_on_one(algorithm: Algorithm) -> Result<f64> {
    let key = SigningKey::generate(algorithm).context("make a key")?;
    let claims = json!({
        "iss": "http://127.0.0.1:8080/oidc", "sub": "team-a.service", "aud": "http://127.0.0.1:8080/oidc",
        "client_id": "team-a.service", "exp": 1_800_000_000, "iat": 1_800_000_000, "jti": "0123456789abcdef0123456789abcdef",
    });
    let (began, mut count) = (Instant::now(), 0_u32);
    while began.elapsed() < Duration::from_secs(1) {
        crypto::jws::sign(&key, "at+jwt", &claims).context("sign")?;
        count += 1;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(count))
}

/// `portcullis standalone` on a free port, with applications for every scenario.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    process: Process,
    issuer: String,
}

impl Server {
    /// With its state in a folder there.
    pub(crate) fn start(binary: &Path, place: &Path, people: usize) -> Result<Self> {
        let folder = tempfile::tempdir_in(place).context("make a folder")?;
        let (listen, internal) = (ports::free()?, ports::free()?);
        let issuer = format!("http://{listen}/oidc");
        let manifests = folder.path().join("manifests");
        fs::create_dir(&manifests)?;
        fs::write(manifests.join("all.yaml"), include_str!("load.yaml").replace("ISSUER", &issuer))?;
        fs::write(manifests.join("people.yaml"), people_with_one_password(people))?;
        let mut command = Command::new(binary);
        command.arg("standalone").arg("--manifests").arg(&manifests).arg("--state").arg(folder.path().join("state"));
        command.args(["--listen", &listen.to_string(), "--internal-listen", &internal.to_string()]);
        command.args(["--log-filter", "warn", "--trusted-proxy", "127.0.0.1"]);
        let mut process = Process::start("portcullis", command, Log::File(folder.path().join("log")))?;
        process.wait_ready(&Url::parse(&format!("http://{internal}/readyz"))?, Duration::from_secs(30))?;
        Ok(Self { folder, process, issuer })
    }

    /// The issuer.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What is sent, in the order of the table. Tokens are fresh: none expires while it is measured.
    fn scenarios(&self, connections: usize) -> Result<Vec<(String, Request)>> {
        let get = |path: &str| Request {
            url: format!("{}{path}", self.issuer),
            method: "GET",
            body: String::new(),
            authorization: None,
            script: Script::Same,
        };
        let post = |path: &str, body: String| Request { method: "POST", body, ..get(path) };
        let itself = |name: &str| {
            Ok::<_, anyhow::Error>(post("/token", self.form(name, &[("grant_type", "client_credentials")])?))
        };
        let tokens = self.log_in()?;
        let access = text(&tokens, "access_token")?;
        let bearer = Request { authorization: Some(format!("Bearer {access}")), ..get("/me") };
        let mut chain = vec![text(&tokens, "refresh_token")?.to_owned()];
        while chain.len() < connections {
            chain.push(text(&self.log_in()?, "refresh_token")?.to_owned());
        }
        let refresh = self.form("portal", &[("grant_type", "refresh_token")])? + "&refresh_token=";
        let scenarios = vec![
            ("discovery", get("/.well-known/openid-configuration")),
            ("jwks", get("/.well-known/jwks.json")),
            ("client_credentials RS256", itself("rs256")?),
            ("client_credentials ES256", itself("es256")?),
            ("introspection", post("/token/introspection", self.form("portal", &[("token", access)])?)),
            ("userinfo", bearer),
            ("refresh, two of RS256", Request { script: Script::Chain(chain), ..post("/token", refresh) }),
            ("code flow, logged in", Request { script: self.code_flow(false)?, ..get("/auth") }),
            ("code flow with login", Request { script: self.code_flow(true)?, ..get("/auth") }),
        ];
        Ok(scenarios.into_iter().map(|(name, request)| (name.to_owned(), request)).collect())
    }

    /// A browser that logs in, or is logged in, and an application that redeems the code.
    fn code_flow(&self, sessions_end: bool) -> Result<Script> {
        let issuer = Url::parse(&self.issuer)?;
        let callback = ("redirect_uri", "http://127.0.0.1:9/callback");
        // RFC 7636 appendix B.
        let challenge = ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let verifier = ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        let encode = |pairs: &[(&str, &str)]| Serializer::new(String::new()).extend_pairs(pairs).finish();
        let asked = encode(&[
            ("client_id", "team-a.web"),
            callback,
            ("response_type", "code"),
            ("scope", "openid"),
            challenge,
            ("code_challenge_method", "S256"),
        ]);
        let constants = [
            ("AUTH", format!("{}/auth?{asked}", issuer.path())),
            ("LOGIN", format!("{}/interaction/login", issuer.path())),
            ("TOKEN", format!("{}/token", issuer.path())),
            ("ORIGIN", issuer.origin().ascii_serialization()),
            ("CREDENTIALS", encode(&[("password", PASSWORD)])),
            ("REDEEM", self.form("web", &[("grant_type", "authorization_code"), callback, verifier])?),
        ];
        let constants: Vec<_> = constants.iter().map(|(name, value)| format!("{name} = \"{value}\"")).collect();
        let constants = constants.join("\n");
        Ok(Script::Talk(format!("{constants}\nSESSIONS_END = {sessions_end}\n{}", include_str!("flow.lua"))))
    }

    /// What was measured, and the server's processor time for each of it in microseconds.
    fn measure(&self, request: &Request, connections: usize, time: Duration) -> Result<(Run, f64)> {
        let before = self.ticks()?;
        let run = wrk::run(request, connections, time, self.folder.path())?;
        let cpu = (self.ticks()? - before) / TICKS_PER_SECOND * 1e6 / run.requests.max(1.0);
        Ok((run, cpu))
    }

    /// Processor time of the server so far.
    fn ticks(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).context("read /proc")?;
        // The name in parentheses may hold anything; what follows is numbers.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field =
            |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).context("no time in /proc");
        Ok(field(11)? + field(12)?)
    }

    fn status(&self, name: &str) -> Result<u32> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).context("read /proc")?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
        line.trim().trim_end_matches(" kB").trim().parse().context("a number in /proc")
    }

    pub(crate) fn form(&self, application: &str, pairs: &[(&str, &str)]) -> Result<String> {
        let path: PathBuf = self.folder.path().join(format!("state/credentials/team-a_{application}-oidc.yaml"));
        let secret = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let line = secret.lines().find_map(|line| line.trim().strip_prefix("OIDC_CLIENT_SECRET:"));
        let secret = line.context("no client secret")?.trim().trim_matches('"').to_owned();
        let client = [("client_id", format!("team-a.{application}")), ("client_secret", secret)];
        Ok(Serializer::new(String::new()).extend_pairs(pairs).extend_pairs(client).finish())
    }

    fn log_in(&self) -> Result<Value> {
        let pairs = [
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", PASSWORD),
            ("scope", "openid offline_access"),
        ];
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let url = Url::parse(&format!("{}/token", self.issuer))?;
        let answer = http::send(&url, "POST", &headers, &self.form("portal", &pairs)?)?;
        serde_json::from_str(&answer.body).with_context(|| format!("no tokens: {}", answer.body))
    }
}

/// A person for each connection, all with one password.
fn people_with_one_password(count: usize) -> String {
    let person = |number| {
        format!(
            "---\napiVersion: portcullis.dev/v1alpha1\nkind: OidcUser\nmetadata: {{name: person-{number}, namespace: identity}}\n\
             spec: {{authentication: {{passwordSecretRef: {{name: alice-password}}}}}}\n"
        )
    };
    (0..count).map(person).collect::<Vec<_>>().concat()
}

fn text<'v>(tokens: &'v Value, name: &str) -> Result<&'v str> {
    tokens.get(name).and_then(Value::as_str).with_context(|| format!("no {name}: {tokens}"))
}
