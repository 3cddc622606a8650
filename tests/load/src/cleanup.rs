use mongodb::Client;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};

use crate::services::Services;

/// Removes the databases and topics of this name from the servers. Missing ones are ignored.
pub async fn remove(services: &Services, name: &str) -> anyhow::Result<()> {
    let client = Client::with_uri_str(services.mongodb_url(name)).await?;
    for database in [name.to_owned(), format!("{name}_keys")] {
        client.database(&database).drop().await?;
    }
    remove_read_db(services, name).await?;
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &services.kafka_servers).create()?;
    admin.delete_topics(&[name, &*format!("{name}.dead-letters")], &AdminOptions::new()).await?;
    Ok(())
}

/// Removes the read database of this name.
pub async fn remove_read_db(services: &Services, name: &str) -> anyhow::Result<()> {
    let mut server = MySqlConnection::connect(&services.mysql_server_url()).await?;
    server.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).await?;
    server.close().await?;
    Ok(())
}
