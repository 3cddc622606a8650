use super::mysql_server::OnServer;

async fn new_database() -> OnServer {
    OnServer::new("MARIADB_URL").await
}

mod read_db {
    crate::contract::read_db::read_db_suite!(super::new_database().await);
}

mod restore {
    crate::contract::restore::restore_suite!(super::new_database().await);
}

mod promises {
    crate::contract::mysql_server::server_promises!(super::new_database().await);
}
