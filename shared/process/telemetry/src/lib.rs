//! Structured logs through `tracing`: readable on a terminal, one JSON object a line elsewhere (which is
//! what CloudWatch Logs can query). Every line of a request carries its correlation id, from the span it is in.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Says what is logged, in `tracing`'s own words: `debug`, or `info,cqrs=debug`. Empty is not set.
const FILTER_VARIABLE: &str = "PASSBOOK_LOG";

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Sends the process's logs to standard error, and each panic with them. Called once, first in `main`.
///
/// Standard error, since a command-line program's standard output is its answer; Lambda takes both.
pub fn init() {
    let format = if std::io::stderr().is_terminal() { Format::Text } else { Format::Json };
    let wanted = std::env::var(FILTER_VARIABLE).ok().filter(|wanted| !wanted.is_empty());
    let filter = wanted.as_deref().and_then(|filter| filter.parse().ok());
    subscriber(format, filter.clone().unwrap_or_else(default_filter), std::io::stderr).init();
    if wanted.is_some() && filter.is_none() {
        tracing::warn!("{FILTER_VARIABLE} is not understood; taking \"{}\"", default_filter());
    }
    log_panics();
}

/// What [`init`] installs, for whoever wants its lines elsewhere.
pub fn subscriber<W>(format: Format, filter: Targets, writer: W) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        Format::Text => Box::new(registry.with(layer.with_ansi(std::io::stderr().is_terminal()))),
        Format::Json => Box::new(registry.with(layer.json().flatten_event(true).with_span_list(false))),
    }
}

/// What is logged when nothing else is said: `rskafka` tells of each connection that it makes, and of each that fails once more in
/// the error that it returns.
#[must_use]
pub fn default_filter() -> Targets {
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("rskafka", LevelFilter::ERROR)
        .with_target("sqlx", LevelFilter::WARN)
}

/// What caused an error, and what caused that, down to the driver's own words: for logs, never for clients.
#[must_use]
pub fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// From now on, a panic's message and place are a log line, which is within the request's span and so carries
/// its correlation id; the standard hook's text on standard error would carry none. Part of [`init`]; by itself
/// for whoever installs a [`subscriber`] of their own.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        // Not `message`: that is the name of the log line's own text.
        let reason = panic.payload_as_str().unwrap_or("(no text)");
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(reason, location, "panic");
    }));
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_default_filter_is_the_one_that_the_readme_names() {
        assert_eq!(super::default_filter(), "info,rskafka=error,sqlx=warn".parse().expect("a filter"));
    }
}
