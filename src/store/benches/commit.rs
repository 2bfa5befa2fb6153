//! How many authorization codes a second are kept and spent, each step durable before the next begins.
//!
//! `cargo bench -p store [-- FOLDER]`: the database lies in FOLDER (by default below `target`), because what is measured
//! is mostly that disk.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use oidc::claims::ClaimsRequest;
use oidc::ids::{ClientId, CodeId, FamilyId, LoginEpoch, SessionId, Subject, Uid};
use oidc::opaque::ProofHash;
use oidc::permission::Permission;
use oidc::records::{Authorization, CodeRecord, FamilyRecord};
use oidc::time::Time;
use store::memory::Memory;
use store::sqlite::Sqlite;
use store::{Grant, Spent, Store};
use uuid::{Builder, Uuid};

type Failure = Box<dyn Error + Send + Sync>;

const NOW: Time = Time::from_secs(1_700_000_000);
const RUN: Duration = Duration::from_secs(3);
const TASKS: [usize; 3] = [1, 64, 256];

fn main() -> Result<(), Failure> {
    // `cargo bench` passes `--bench`; the rest is ours.
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let folder = folder.unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").to_owned());
    let folder = tempfile::tempdir_in(Path::new(&folder))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut out = std::io::stdout();

    writeln!(out, "{:<10}{:>8}{:>18}{:>14}{:>14}", "store", "tasks", "put+spend/s", "median", "p99")?;
    for tasks in TASKS {
        line(&mut out, "memory", tasks, runtime.block_on(measure(Arc::new(Memory::new()), tasks))?)?;
    }
    for tasks in TASKS {
        let sqlite = Arc::new(Sqlite::open(folder.path().join(format!("{tasks}.db")))?);
        line(&mut out, "sqlite", tasks, runtime.block_on(measure(sqlite, tasks))?)?;
    }
    Ok(())
}

struct Measured {
    rate: f64,
    median: Duration,
    p99: Duration,
}

fn line(out: &mut impl Write, store: &str, tasks: usize, measured: Measured) -> std::io::Result<()> {
    let Measured { rate, median, p99 } = measured;
    writeln!(out, "{store:<10}{tasks:>8}{rate:>18.0}{median:>14.1?}{p99:>14.1?}")
}

/// Lets each task keep a code and spend it, over and over.
async fn measure(store: Arc<dyn Store>, tasks: usize) -> Result<Measured, Failure> {
    let numbers = Arc::new(AtomicU64::new(1));
    let began = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|_| {
            let (store, numbers) = (store.clone(), numbers.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while began.elapsed() < RUN {
                    let (code, family) = pair(numbers.fetch_add(1, Ordering::Relaxed));
                    let start = Instant::now();
                    store.grant(Grant { code: Some(&code), ..Grant::default() }).await?;
                    match store.spend_code(code.id, &family, NOW).await? {
                        Spent::Done => times.push(start.elapsed()),
                        Spent::LostRace | Spent::Revoked => return Err("a race was lost that nobody else ran".into()),
                    }
                }
                Ok::<_, Failure>(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in running {
        times.append(&mut task.await??);
    }
    let took = began.elapsed();
    times.sort_unstable();
    let at = |part: usize| times.get((times.len() * part / 100).min(times.len().saturating_sub(1))).copied();
    let count = u32::try_from(times.len())?;
    Ok(Measured {
        rate: f64::from(count) / took.as_secs_f64(),
        median: at(50).ok_or("nothing was measured")?,
        p99: at(99).ok_or("nothing was measured")?,
    })
}

/// A code and its family, of the size that real ones have.
fn pair(n: u64) -> (CodeRecord, FamilyRecord) {
    // A thousand rows share a millisecond, as on a busy server, and come in no order within it.
    let mut rest = [0; 10];
    rest[1] = n.wrapping_mul(37).to_le_bytes()[0];
    rest[2..].copy_from_slice(&n.to_be_bytes());
    let row: Uuid = Builder::from_unix_timestamp_millis(1_700_000_000_000 + n / 1000, &rest).into_uuid();
    let authorization = Authorization {
        issuer: "https://identity.example.com/realms/default".to_owned(),
        client: ClientId::new("team-a.dashboard"),
        application_uid: Uid::new("5b3c3f8e-5d9f-4f0c-9a53-0d6f5a3b9a11"),
        subject: Subject::new("0190b0a8-7a5e-7c6e-8f6e-1f2a3b4c5d6e"),
        user_uid: Uid::new("9a1d6a0e-0c8e-4d54-8df0-6f7b2d0f7c55"),
        login_epoch: LoginEpoch::default(),
        permissions: ["openid", "profile", "email", "groups"]
            .iter()
            .filter_map(|word| Permission::parse(word).ok())
            .collect(),
        nonce: Some("nR4n7Yw5pX0bS1c8dT2eUg".to_owned()),
        auth_time: NOW,
        auth_time_requested: false,
        amr: vec!["pwd".to_owned()],
        acr: None,
        claims: ClaimsRequest::default(),
        session: Some(SessionId::new(row)),
        resource: None,
    };
    let code = CodeRecord {
        id: CodeId::new(row),
        proof: ProofHash::from_bytes([7; 32]),
        redirect_uri: "https://dashboard.example.com/oauth2/callback".to_owned(),
        challenge: oidc::pkce::Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        authorization: authorization.clone(),
        family: FamilyId::new(row),
        expires_at: NOW.plus_secs(60),
    };
    let family = FamilyRecord {
        id: FamilyId::new(row),
        authorization,
        created_at: NOW,
        expires_at: NOW.plus_secs(3600),
        refresh: None,
        revoked_at: None,
    };
    (code, family)
}
