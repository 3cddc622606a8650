use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use local_aws::TokenCheckerError;
use settings::{Settings, SettingsError};
use tokio::net::TcpListener;

use crate::gateway::{DEVELOPMENT_CALLER, gateway, token_checker};
use crate::restore::RestoreTask;
use crate::stack::{Stack, StackDescription, StackError, StackSettings};
use crate::stop_signal::wait_for_stop_signal;

const DEFAULT_PORT: u16 = 9000;
/// The time that requests under way may take after the process was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// The settings of `passbook serve` from the environment.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// The databases and the bus.
    pub stack: StackSettings,
    /// The address to listen on.
    pub address: SocketAddr,
    /// The key set to check tokens against, or its path. Without it there is one development caller.
    pub jwks: Option<String>,
    /// The issuer that tokens must name.
    pub issuer: Option<String>,
    /// The audience that tokens must name.
    pub audience: Option<String>,
}

/// The reason why the gateway did not start, or stopped. Handling: fix the fault that the message names; start again.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The environment is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The databases and the bus could not be opened.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The key set could not be read.
    #[error("cannot read PASSBOOK_JWKS")]
    Tokens(#[from] TokenCheckerError),
    /// The address is taken or not allowed.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The server failed.
    #[error("the server stopped")]
    Server(#[source] std::io::Error),
}

impl ServeSettings {
    /// Reads `PORT`, `PASSBOOK_BIND`, `PASSBOOK_JWKS`, `PASSBOOK_JWT_ISSUER`, `PASSBOOK_JWT_AUDIENCE`, and the
    /// variables of [`StackSettings::from_settings`].
    ///
    /// # Errors
    /// [`SettingsError`] for a value that is not understood. Also for an address that other machines can reach, if
    /// there is no key set: every caller would have every scope.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let port = match settings.optional("PORT")? {
            None => DEFAULT_PORT,
            Some(text) => text
                .parse()
                .map_err(|_| SettingsError::Invalid { variable: "PORT", reason: "it must be a number up to 65535" })?,
        };
        let ip = match settings.optional("PASSBOOK_BIND")? {
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(text) => text.parse().map_err(|_| SettingsError::Invalid {
                variable: "PASSBOOK_BIND",
                reason: "it must be an IP address",
            })?,
        };
        let jwks = settings.optional("PASSBOOK_JWKS")?;
        if jwks.is_none() && !ip.is_loopback() {
            return Err(SettingsError::Invalid {
                variable: "PASSBOOK_BIND",
                reason: "without PASSBOOK_JWKS it must be an address of this machine only",
            });
        }
        Ok(Self {
            stack: StackSettings::from_settings(settings)?,
            address: SocketAddr::new(ip, port),
            jwks,
            issuer: settings.optional("PASSBOOK_JWT_ISSUER")?,
            audience: settings.optional("PASSBOOK_JWT_AUDIENCE")?,
        })
    }
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(settings: ServeSettings) -> Result<(), ServeError> {
    let tokens = token_checker(settings.jwks.as_deref(), settings.issuer.as_deref(), settings.audience.as_deref())?;
    let callers = if settings.jwks.is_some() {
        "tokens are checked against PASSBOOK_JWKS".to_owned()
    } else {
        format!(
            "PASSBOOK_JWKS is not set: every request is the caller {DEVELOPMENT_CALLER:?} with every scope; this machine only"
        )
    };
    // The port comes first. A second process that was started by mistake gets an error, and does not touch the data.
    let listener = TcpListener::bind(settings.address)
        .await
        .map_err(|source| ServeError::Listen { address: settings.address, source })?;
    let address = listener.local_addr().map_err(ServeError::Server)?;
    let stack = Stack::open(&settings.stack).await?;
    let restore_task = RestoreTask::start(stack.restorer());
    let gateway = gateway(&stack, restore_task.trigger(), tokens);
    print!("{}", greeting(address, &stack.description(), &callers));
    let (stopping, mut stopped) = tokio::sync::watch::channel(());
    let server = axum::serve(listener, gateway.into_router()).with_graceful_shutdown(async move {
        wait_for_stop_signal().await;
        tracing::info!("stopping: requests under way are finished first");
        drop(stopping);
    });
    let result = tokio::select! {
        result = server => result.map_err(ServeError::Server),
        () = async {
            // The wait ends with an error once the sender is gone. That is the stop.
            let _ = stopped.changed().await;
            tokio::time::sleep(GRACE).await;
        } => {
            tracing::warn!("some requests did not end in time");
            Ok(())
        }
    };
    restore_task.stop().await;
    stack.close().await;
    result
}

fn greeting(address: SocketAddr, stack: &StackDescription, callers: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let StackDescription { kind, data } = stack;
    format!(
        r#"Passbook {version}: bank accounts as an event-sourced service, {kind}

  API and console  http://{address}
  data             {data}
  callers          {callers}

Try:
  curl -s http://{address}/accounts -H 'Content-Type: application/json' -d '{{"holder":"Ann Lee","kind":"checking","currency":"EUR","opening_balance":"100.00"}}'
  curl -s http://{address}/accounts
  curl -s http://{address}/openapi.yaml

"#
    )
}
