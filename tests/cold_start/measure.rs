use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::Router;
use http::StatusCode;
use serde_json::Value;
use tokio::net::TcpListener;

use super::events::RoundOfEvents;
use super::machine::Machine;
use super::report::{Figures, FunctionFigures, Report, Side};
use super::{README_S_TABLE, functions_of};
use crate::harness::{Artifacts, Moto, ServersStack, address, address_if_any, artifacts_of_environment};
use crate::lambda_runtime::{FunctionProcess, event_fixture};

/// The number of starts of each function. One more start comes first and is not counted, so that no figure includes the first
/// reading of a file into memory.
const STARTS: usize = 30;
const FLOOR: &str = "floor";
/// The floor's program in another file. It runs before each measured start.
const BEFORE: &str = "another-floor";

/// The time in which the servers close a function's connections, with room to spare.
const CLOSING_TIME: Duration = Duration::from_millis(30);

/// One start.
struct Start {
    init: Duration,
    first_answer: Duration,
    peak_memory_kib: u64,
}

/// Starts the function with its event waiting, like a request that finds no idle instance.
async fn start(function: &str, environment: &[(String, String)], event: Value) -> (Start, Value) {
    let process = FunctionProcess::start_for(event, function, environment).await;
    let answer = process.answer().await;
    let first_answer = process.age();
    let init = process.time_to_first_request().await;
    let peak_memory_kib = process.peak_memory_kib();
    process.stop().await;
    (Start { init, first_answer, peak_memory_kib }, answer)
}

/// Gives each measured start the same beginning. The servers have closed the connections of the program before; otherwise a
/// start would be a quarter slower. Another program has run, because a program that starts twice in a row finds its pages in
/// the processor's caches.
async fn settle() {
    tokio::time::sleep(CLOSING_TIME).await;
    start(BEFORE, &[], event_fixture("health")).await;
}

/// The functions' settings as on Lambda, as far as this machine allows, and the servers that they reach by TLS. MySQL and Kafka
/// always have TLS. MongoDB has it if `make services` says so. moto stands in for KMS and has no TLS.
async fn environment(stack: &ServersStack, moto: &Moto) -> (Vec<(String, String)>, Vec<String>) {
    let mut environment: BTreeMap<String, String> = stack.environment().into_iter().collect();
    environment.extend(moto.environment());
    let mut tls_to = vec!["MySQL".to_owned(), "Kafka, which asks for SCRAM".to_owned()];
    if let Some(ca_file) = address_if_any("MONGODB_CA_FILE") {
        environment.entry("EVENT_STORE_URL".to_owned()).and_modify(|url| {
            let separator = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{separator}tls=true&tlsCAFile={ca_file}"));
        });
        tls_to.push("MongoDB".to_owned());
    }
    let lambda = lambda().await;
    for (name, value) in [
        ("READ_DB_URL", format!("{}?ssl-mode=REQUIRED", stack.read_db_url())),
        ("KAFKA_BOOTSTRAP_SERVERS", address("KAFKA_SCRAM_BOOTSTRAP_SERVERS")),
        ("KAFKA_CA_FILE", address("KAFKA_SCRAM_CA_FILE")),
        ("KAFKA_SIGN_IN", "scram".to_owned()),
        ("KAFKA_USERNAME", "passbook".to_owned()),
        ("KAFKA_PASSWORD", "passbook".to_owned()),
        ("KEY_STORE_KMS_KEY_ID", moto.make_key().await),
        ("AWS_ENDPOINT_URL_LAMBDA", lambda),
    ] {
        environment.insert(name.to_owned(), value);
    }
    (environment.into_iter().collect(), tls_to)
}

/// A stand-in for Lambda, for the functions that invoke another function. It accepts every invocation.
async fn lambda() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(async || StatusCode::ACCEPTED)).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures: `make cold-start` builds what it needs, and runs it alone"]
async fn cold_starts_are_measured_and_the_readme_s_table_is_written() {
    let machine = Machine::prepare();
    let artifacts = artifacts_of_environment().expect("PASSBOOK_ARTIFACTS, as make cold-start sets it");
    let sides: BTreeMap<String, Side> =
        Side::ALL.into_iter().flat_map(|side| functions_of(side).into_iter().map(move |name| (name, side))).collect();
    let asked: BTreeSet<&str> = RoundOfEvents::ORDER.into_iter().collect();
    assert_eq!(asked, sides.keys().map(String::as_str).collect(), "each function has its place in a round");

    artifacts.unpack_again(FLOOR, BEFORE);
    let stack = tokio::task::spawn_blocking(ServersStack::new).await.expect("a stack");
    let moto = tokio::task::spawn_blocking(Moto::start).await.expect("moto");
    let (environment, tls_to) = environment(&stack, &moto).await;
    let (_, opened) = start("open-account", &environment, RoundOfEvents::opening_of_the_recipient()).await;
    assert_eq!(opened["statusCode"], 201, "{opened}");
    let mut floor = Vec::new();
    let mut starts: BTreeMap<&str, Vec<Start>> = BTreeMap::new();
    for round in 0..=STARTS {
        let mut events = RoundOfEvents::of(round);
        for function in RoundOfEvents::ORDER {
            // A delay of the machine then affects both programs.
            settle().await;
            let (of_floor, _) = start(FLOOR, &[], event_fixture("health")).await;
            settle().await;
            let (of_function, answer) = start(function, &environment, events.event(function)).await;
            events.take(function, &answer);
            if round > 0 {
                floor.push(of_floor);
                starts.entry(function).or_default().push(of_function);
            }
        }
        println!("round {round} of {STARTS}");
    }

    let floor = figures(FLOOR, &floor, artifacts);
    let functions = sides.into_iter().map(|(name, side)| {
        let figures = figures(&name, &starts[&*name], artifacts);
        let init_ratio = rounded(figures.init_ms / floor.init_ms, 1000.0);
        (name, FunctionFigures { side, init_ratio, figures })
    });
    let functions = functions.collect();
    let architecture = std::env::consts::ARCH.to_owned();
    let report = Report { starts: STARTS, architecture, machine, tls_to, floor, functions };
    let json = serde_json::to_string_pretty(&report).expect("figures");
    // cargo's folder for tests is in the target directory.
    let file = format!("{}/../cold-start.json", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, json + "\n").expect("written");
    README_S_TABLE.write(&report.text());
    println!("{}", report.text());
}

fn figures(program: &str, starts: &[Start], artifacts: &Artifacts) -> Figures {
    let milliseconds = |of: fn(&Start) -> Duration, share| {
        rounded(quantile(starts.iter().map(|start| of(start).as_secs_f64() * 1000.0), share), 1000.0)
    };
    Figures {
        init_ms: milliseconds(|start| start.init, 0.5),
        init_p90_ms: milliseconds(|start| start.init, 0.9),
        first_answer_ms: milliseconds(|start| start.first_answer, 0.5),
        first_answer_p90_ms: milliseconds(|start| start.first_answer, 0.9),
        rss_mib: rounded(quantile(starts.iter().map(|start| start.peak_memory_kib as f64 / 1024.0), 0.5), 10.0),
        zip_bytes: artifacts.zip_bytes(program),
    }
}

/// The smallest value that this share of all values does not exceed.
fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[((values.len() as f64 * share).ceil() as usize).max(1) - 1]
}

/// Rounds to as many decimals as `steps` has zeros. Further decimals would mean nothing.
fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}
