use local_aws::StaticFile;

/// The files of the console.
pub(crate) const FILES: &[StaticFile] = &[
    file("/", "text/html; charset=utf-8", include_str!("../../console/index.html")),
    file("/console.css", "text/css; charset=utf-8", include_str!("../../console/console.css")),
    file("/console.js", "text/javascript; charset=utf-8", include_str!("../../console/console.js")),
    file("/console.svg", "image/svg+xml", include_str!("../../console/console.svg")),
];

/// The console loads nothing from elsewhere, and no text of a page may run as a script.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'; require-trusted-types-for 'script'";

const fn file(path: &'static str, media_type: &'static str, content: &'static str) -> StaticFile {
    StaticFile { path, media_type, content, content_security_policy: CONTENT_SECURITY_POLICY }
}
