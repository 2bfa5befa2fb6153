//! Whether time tells who there is: answers for a name that nobody has beside answers for a wrong password, and answers
//! for a client that does not exist beside answers for a wrong client secret.
//!
//! Both of a pair are asked for in turn, so that whatever else the machine does falls on both alike. What is told is how
//! often an answer of the second kind takes longer than one of the first: of two that cannot be told apart, half of them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use url::Url;
use url::form_urlencoded::Serializer;
use xtask::binaries;

use crate::load::Server;
use crate::report::percentile;

/// Attempts on one person: after so many the next has to wait, which is the same for a name that nobody has.
const ATTEMPTS_EACH: usize = 3;

/// As long as a client secret.
const WRONG: &str = "0123456789012345678901234567890123456789012";

/// How much to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Answers of each kind where a password is hashed.
    #[arg(long, value_name = "COUNT", default_value_t = 300)]
    logins: usize,

    /// Answers of each kind where none is.
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    clients: usize,
}

/// Measures, and prints what came of it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let binary = binaries::portcullis("bench")?;
    let server = Server::start(&binary, &std::env::temp_dir(), args.logins.div_ceil(ATTEMPTS_EACH))?;
    let mut connection = Connection::open(&Url::parse(server.issuer())?)?;
    println!(
        "{:<36}{:>10}{:>10}{:>10}  {:<36}{:>10}{:>10}{:>10}{:>12}",
        "first", "p10 µs", "p50 µs", "p90 µs", "second", "p10 µs", "p50 µs", "p90 µs", "longer"
    );
    let log_in = |name: &str, number: usize| {
        let person = format!("{name}-{}", number / ATTEMPTS_EACH);
        let pairs = [("grant_type", "password"), ("username", &person), ("password", "wrong"), ("scope", "openid")];
        server.form("portal", &pairs)
    };
    let logins = compare(&mut connection, args.logins, |number| {
        Ok([("invalid_grant", log_in("nobody", number)?), ("invalid_grant", log_in("person", number)?)])
    })?;
    tell("a name that nobody has", "a wrong password", logins);
    let client = |id: &str| {
        let pairs = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", WRONG)];
        Serializer::new(String::new()).extend_pairs(pairs).finish()
    };
    let clients = compare(&mut connection, args.clients, |_| {
        Ok([("invalid_client", client("team-a.none0")), ("invalid_client", client("team-a.rs256"))])
    })?;
    tell("a client that does not exist", "a wrong client secret", clients);
    Ok(())
}

/// The times of both kinds of answer.
fn compare(
    connection: &mut Connection,
    count: usize,
    forms: impl Fn(usize) -> Result<[(&'static str, String); 2]>,
) -> Result<[Vec<Duration>; 2]> {
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..count {
        let mut both: Vec<_> = forms(number)?.into_iter().enumerate().collect();
        // Whoever comes second may profit from what the first has warmed.
        if number % 2 == 1 {
            both.reverse();
        }
        for (kind, (expect, form)) in both {
            let (time, answer) = connection.post("/token", &form, number)?;
            ensure!(answer.contains(expect), "another answer than {expect}: {answer}");
            times.get_mut(kind).context("two kinds")?.push(time);
        }
    }
    Ok(times)
}

fn tell(first: &str, second: &str, times: [Vec<Duration>; 2]) {
    let [one, other] = times.map(|mut times| {
        times.sort();
        times
    });
    let at = |times: &[Duration]| {
        let [p10, p50, p90] =
            [10, 50, 90].map(|percent| percentile(times, percent).unwrap_or_default().as_secs_f64() * 1e6);
        format!("{p10:>10.1}{p50:>10.1}{p90:>10.1}")
    };
    let longer = longer(&one, &other);
    println!("{first:<36}{}  {second:<36}{}{:>10.1} %", at(&one), at(&other), longer * 100.0);
    println!("{}", json!({"first": first, "second": second, "second_longer": (longer * 1000.0).round() / 1000.0}));
}

/// How often one of `other` is longer than one of `one`, over all pairs; both are sorted.
fn longer(one: &[Duration], other: &[Duration]) -> f64 {
    let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let below = |time: &Duration| {
        let (less, most) = (one.partition_point(|than| than < time), one.partition_point(|than| than <= time));
        f64::midpoint(count(less), count(most))
    };
    other.iter().map(below).sum::<f64>() / (count(one.len()) * count(other.len())).max(1.0)
}

/// One connection that stays open: to open one takes longer than most answers.
struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
    path: String,
}

impl Connection {
    fn open(issuer: &Url) -> Result<Self> {
        let host = issuer.authority().to_owned();
        let stream = TcpStream::connect(&host).with_context(|| format!("connect to {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host, path: issuer.path().to_owned() })
    }

    /// Posts a form, as a client at an address of this number, and answers how long that took and what came of it.
    fn post(&mut self, path: &str, form: &str, number: usize) -> Result<(Duration, String)> {
        let [.., high, low] = number.to_be_bytes();
        let request = format!(
            "POST {}{path} HTTP/1.1\r\nhost: {}\r\nx-forwarded-for: 198.18.{high}.{low}\r\ncontent-type: \
             application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            self.path,
            self.host,
            form.len()
        );
        let began = Instant::now();
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line)? > 0, "the server hung up");
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((began.elapsed(), String::from_utf8_lossy(&body).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_what_is_alike_is_longer() {
        let times = |micros: &[u64]| micros.iter().copied().map(Duration::from_micros).collect::<Vec<_>>();
        let check = |one: &[u64], other: &[u64], expect: f64| {
            assert!((longer(&times(one), &times(other)) - expect).abs() < 1e-9, "{one:?} {other:?}");
        };
        check(&[1, 2, 3], &[1, 2, 3], 0.5);
        check(&[1, 2], &[3, 4], 1.0);
        check(&[3, 4], &[1, 2], 0.0);
        check(&[1, 3], &[2, 4], 0.75);
    }
}
