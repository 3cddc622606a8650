use http::Method;

use crate::harness::Server;

#[tokio::test]
async fn the_console_is_served_with_all_that_it_links_to_and_may_load_nothing_else() {
    let server = Server::start();
    let client = server.client();
    let page = client.get("/").await;
    page.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let html = page.body.as_str().expect("text");
    // Scripts and styles come only from files. The policy would silently stop all others.
    for inline in ["<style", "style=", "onclick=", "javascript:", "<script>"] {
        assert!(!html.contains(inline), "{inline} in the page");
    }
    let mut links: Vec<&str> =
        html.split(['"', ' ']).filter(|piece| piece.starts_with("/console.") || *piece == "/openapi.yaml").collect();
    links.sort_unstable();
    assert_eq!(links, ["/console.css", "/console.js", "/console.svg", "/openapi.yaml"]);
    for link in links {
        client.get(link).await.expect(200);
        client.send(client.request(Method::POST, link)).await.expect_problem(405, "method_not_allowed");
    }
}
