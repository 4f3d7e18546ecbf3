//! The promises every store of Deskreel keeps, held against this server over the wire.

use deskreel_store::{Credentials, S3Config, S3Store, conformance};

use crate::support::{BUCKET, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_server_keeps_the_promises_of_a_store() {
    let server = Server::start().await;
    let root = &server.running.credentials;
    let config = S3Config {
        endpoint: Some(server.running.endpoint()),
        credentials: Credentials::Static {
            access_key_id: root.access_key_id.clone(),
            secret_access_key: root.secret_access_key.clone(),
            session_token: None,
        },
        ..S3Config::new(BUCKET, "team/a")
    };
    let store = S3Store::connect(&config).await.unwrap();
    conformance::check(&store, "scratch").await;
    let left = server.root().list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert!(left.contents().is_empty(), "{left:?}");
}
