//! Functions that get the ARNs of their secrets and no URL, as `template.yaml` sets them. Moto replaces Secrets Manager
//! and KMS.

use std::sync::Arc;
use std::time::Duration;

use kafka_events::KafkaConnection;
use local_aws::{EventFunction, EventSourceMapping, InvokeApi, InvokeClient, MappingSettings};
use serde_json::{Value, json};
use settings::{
    EVENT_STORE_URL_SECRET_ARN, KAFKA_CREDENTIALS_SECRET_ARN, KEY_STORE_URL_SECRET_ARN, KafkaSignIn,
    READ_DB_URL_SECRET_ARN, Secret, SecretUrl, Settings,
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};

use super::runtime_api::FunctionProcess;
use super::{answer, event};
use crate::harness::{Moto, ServersStack, address, event_store_url, eventually, mysql_server_url, read_cloud_events};

/// The password is in every secret here, and in no other place.
const PASSWORD: &str = "s3cret-Kq7Zw";

/// Some secrets in moto, and the functions' other settings.
struct Secrets {
    moto: Moto,
}

impl Secrets {
    async fn named(&self, variable: &'static str, text: Option<&str>) -> (String, String) {
        (variable.to_owned(), self.moto.make_secret(variable, text).await)
    }

    /// Lambda's own variables, these variables, and a log of everything.
    fn environment(&self, variables: &[(String, String)]) -> Vec<(String, String)> {
        let everything = ("PASSBOOK_LOG".to_owned(), "trace".to_owned());
        self.moto.environment().into_iter().chain([everything]).chain(variables.iter().cloned()).collect()
    }
}

/// A user of the read database with this password, who may read and write this stack's tables. It is dropped with this
/// value.
struct ReadDbUser {
    name: String,
    url: String,
}

impl ReadDbUser {
    async fn of(stack: &ServersStack) -> Self {
        // A name may have at most 32 characters.
        let name = format!("u_{}", &stack.topic()[stack.topic().len() - 24..]);
        let user = Self { url: with_user(&stack.read_db_url(), &name, PASSWORD), name };
        let name = &user.name;
        as_root(format!("CREATE USER '{name}'@'%' IDENTIFIED BY '{PASSWORD}'")).await;
        as_root(format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {}.* TO '{name}'@'%'", stack.topic())).await;
        user
    }

    async fn drop(self) {
        as_root(format!("DROP USER '{}'@'%'", self.name)).await;
    }
}

fn with_user(url: &str, user: &str, password: &str) -> String {
    let (scheme, behind) = url.split_once("://").expect("a URL");
    let hosts = behind.rsplit_once('@').map_or(behind, |(_, hosts)| hosts);
    format!("{scheme}://{user}:{password}@{hosts}")
}

async fn as_root(statement: String) {
    let mut connection = MySqlConnection::connect(&mysql_server_url("READ_DB_URL")).await.expect("connects");
    connection.execute(AssertSqlSafe(statement)).await.expect("runs");
    connection.close().await.expect("closes");
}

/// A secret with the word in a place that the server does not use.
fn with_a_secret_word(mongodb_url: &str) -> String {
    let separator = if mongodb_url.contains('?') { '&' } else { '?' };
    format!("{mongodb_url}{separator}appName={PASSWORD}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_read_from_secrets_manager_in_their_own_region() {
    let secrets = Secrets { moto: Moto::start() };
    let url = format!("mysql://app:{PASSWORD}@db/passbook");
    let variables = [
        // The region differs from that of the secrets.
        ("AWS_REGION".to_owned(), "eu-west-1".to_owned()),
        ("KAFKA_BOOTSTRAP_SERVERS".to_owned(), "one:9096".to_owned()),
        ("KAFKA_SIGN_IN".to_owned(), "scram".to_owned()),
        secrets.named(READ_DB_URL_SECRET_ARN, Some(&url)).await,
        secrets
            .named(
                KAFKA_CREDENTIALS_SECRET_ARN,
                Some(&json!({"username": "ann \"Ä\"", "password": PASSWORD}).to_string()),
            )
            .await,
    ];
    let settings = Settings::from_variables(secrets.environment(&variables));
    let settings = ::secrets::read(settings).await.expect("reads");
    assert_eq!(settings.read_db_url(), Ok(SecretUrl::new(url)));
    let password = Secret::new(PASSWORD.to_owned());
    let sign_in = KafkaSignIn::ScramSha512 { username: "ann \"Ä\"".to_owned(), password };
    assert_eq!(settings.kafka().expect("Kafka is set").sign_in, sign_in);
    assert!(!format!("{settings:?}").contains(PASSWORD));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_the_projector_and_a_query_run_on_secrets_alone_and_show_none() {
    let stack = tokio::task::spawn_blocking(ServersStack::new).await.expect("a stack");
    let secrets = Secrets { moto: Moto::start() };
    let user = ReadDbUser::of(&stack).await;
    let name = stack.topic();

    // A command uses MongoDB twice, KMS, and Kafka by a password.
    let credentials = json!({"username": "passbook", "password": "passbook"}).to_string();
    let variables = [
        secrets.named(EVENT_STORE_URL_SECRET_ARN, Some(&with_a_secret_word(&stack.event_store_url()))).await,
        secrets
            .named(KEY_STORE_URL_SECRET_ARN, Some(&with_a_secret_word(&event_store_url(&format!("{name}_keys")))))
            .await,
        secrets.named(KAFKA_CREDENTIALS_SECRET_ARN, Some(&credentials)).await,
        ("KEY_STORE_KMS_KEY_ID".to_owned(), secrets.moto.make_key().await),
        ("KAFKA_BOOTSTRAP_SERVERS".to_owned(), address("KAFKA_SCRAM_BOOTSTRAP_SERVERS")),
        ("KAFKA_CA_FILE".to_owned(), address("KAFKA_SCRAM_CA_FILE")),
        ("KAFKA_SIGN_IN".to_owned(), "scram".to_owned()),
        ("KAFKA_TOPIC".to_owned(), name.clone()),
    ];
    let open = FunctionProcess::start_with("open-account", &secrets.environment(&variables)).await;
    let body = json!({"holder": "Ann Lee", "kind": "checking", "currency": "EUR", "opening_balance": "100"});
    let (status, opened) = answer(&open.invoke(&event("POST", "/accounts", None, &json!({}), Some(&body))).await);
    assert_eq!((status, &opened["balance"]), (201, &json!("100.00")), "{opened}");
    let id = opened["account_id"].as_str().expect("an id");
    // The commit was published there: a client without a sign-in reads the same topic.
    let records = eventually("the record is there", async || {
        let records = read_cloud_events(&crate::harness::kafka_bootstrap_servers(), &name).await;
        (!records.is_empty()).then_some(records)
    })
    .await;
    assert_eq!(records[0]["key"], json!(id));

    // The projector runs behind its mapping.
    let variables = [secrets.named(READ_DB_URL_SECRET_ARN, Some(&user.url)).await];
    let read_side = secrets.environment(&variables);
    let projector = Arc::new(Projector(FunctionProcess::start_with("account-projector", &read_side).await));
    let mapping = MappingSettings::new("account-projector", &name);
    let functions: [(String, Arc<dyn EventFunction>); 1] = [(mapping.function_name.clone(), projector.clone())];
    let invoke_api = InvokeApi::serve(functions).await.expect("a port");
    let connection = KafkaConnection::connect(&stack.kafka_settings()).await.expect("brokers that are named");
    let client = InvokeClient::new(&invoke_api.base_url(), Duration::from_secs(20));
    let running = EventSourceMapping::start(&connection, &client, &mapping).expect("starts");

    // A query reads the account.
    let get = FunctionProcess::start_with("get-account", &read_side).await;
    let request = event("GET", &format!("/accounts/{id}"), Some(id), &json!({"passbook-min-version": "1"}), None);
    let account = eventually("the row is there", async || {
        let (status, account) = answer(&get.invoke(&request).await);
        (status == 200).then_some(account)
    })
    .await;
    assert_eq!((&account["balance"], &account["holder"]), (&json!("100.00"), &json!("Ann Lee")), "{account}");
    running.stop().await;

    for (function, log) in
        [("open-account", open.log()), ("account-projector", projector.0.log()), ("get-account", get.log())]
    {
        assert!(!log.is_empty(), "{function} logs nothing");
        assert!(!log.contains(PASSWORD), "{function}: {log}");
    }
    user.drop().await;
}

/// One process that the mapping invokes.
struct Projector(FunctionProcess);

#[async_trait::async_trait]
impl EventFunction for Projector {
    async fn invoke(&self, event: Value) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        self.0.try_invoke(&event).await.map_err(|error| error.to_string().into())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_refused_is_in_no_answer_and_in_no_log() {
    let stack = tokio::task::spawn_blocking(ServersStack::new).await.expect("a stack");
    let secrets = Secrets { moto: Moto::start() };
    let url = with_user(&stack.read_db_url(), "nobody", PASSWORD);
    let variables = [secrets.named(READ_DB_URL_SECRET_ARN, Some(&url)).await];
    let get = FunctionProcess::start_with("get-account", &secrets.environment(&variables)).await;
    let id = "00000000-0000-7000-8000-000000000000";
    let answered = get.invoke(&event("GET", &format!("/accounts/{id}"), Some(id), &json!({}), None)).await;
    assert_eq!(answer(&answered).0, 503, "{answered}");
    eventually("it says so", async || get.log().contains("Access denied").then_some(())).await;
    assert!(!format!("{answered} {}", get.log()).contains(PASSWORD), "{}", get.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_whose_secret_is_empty_or_no_url_or_cannot_be_read_says_which_and_does_not_start() {
    let secrets = Secrets { moto: Moto::start() };
    let empty = secrets.named(READ_DB_URL_SECRET_ARN, None).await;
    let (success, log) = FunctionProcess::run("get-account", &secrets.environment(&[empty])).await;
    assert!(!success && log.contains("READ_DB_URL_SECRET_ARN") && log.contains("ResourceNotFoundException"), "{log}");

    let text = format!("{PASSWORD}@db");
    let no_url = [(READ_DB_URL_SECRET_ARN.to_owned(), secrets.moto.make_secret("no URL", Some(&text)).await)];
    let (success, log) = FunctionProcess::run("get-account", &secrets.environment(&no_url)).await;
    assert!(!success && !log.contains(PASSWORD), "{log}");

    let mut nowhere = secrets.environment(&no_url);
    nowhere.push(("AWS_ENDPOINT_URL_SECRETS_MANAGER".to_owned(), "http://127.0.0.1:9".to_owned()));
    let (success, log) = FunctionProcess::run("get-account", &nowhere).await;
    assert!(!success && log.contains("READ_DB_URL_SECRET_ARN") && log.contains("asked for again"), "{log}");
}
