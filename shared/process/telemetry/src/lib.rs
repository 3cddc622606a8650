//! Structured logs through `tracing`. On a terminal they are readable text. Elsewhere each line is one JSON object, which
//! CloudWatch Logs can query. Every line of a request carries its correlation id, from the request's span.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The variable with the log filter in `tracing`'s own words: `debug`, or `info,cqrs=debug`. An empty value counts as not set.
const FILTER_VARIABLE: &str = "PASSBOOK_LOG";

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text for people.
    Text,
    /// JSON for programs: one object a line.
    Json,
}

/// Sends the process's logs to standard error, and each panic with them. It is called once, first in `main`.
///
/// It uses standard error, because a command-line program's standard output is its answer. Lambda takes both.
pub fn init() {
    let format = if std::io::stderr().is_terminal() { Format::Text } else { Format::Json };
    let wanted = std::env::var(FILTER_VARIABLE).ok().filter(|wanted| !wanted.is_empty());
    let filter = wanted.as_deref().and_then(|filter| filter.parse().ok());
    subscriber(format, filter.clone().unwrap_or_else(default_filter), std::io::stderr).init();
    if wanted.is_some() && filter.is_none() {
        tracing::warn!("{FILTER_VARIABLE} is not understood; the filter is \"{}\"", default_filter());
    }
    log_panics();
}

/// The subscriber that [`init`] installs, for callers that want its lines elsewhere.
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

/// The filter without a setting. `rskafka` would log each connection that it makes. It would also log each failed connection,
/// although the returned error says so too.
#[must_use]
pub fn default_filter() -> Targets {
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("rskafka", LevelFilter::ERROR)
        .with_target("sqlx", LevelFilter::WARN)
}

/// An error's causes, one after the other, down to the driver's own words. They are for logs, never for clients.
#[must_use]
pub fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Makes every later panic a log line with its message and place. The line is within the request's span and so carries its
/// correlation id. The standard hook's text on standard error has no correlation id. [`init`] calls this; call it alone only
/// with a [`subscriber`] of your own.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        // The field is not called `message`, because that is the name of the log line's own text.
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
