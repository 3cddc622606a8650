//! Makes Cargo rebuild the crate for a new migration, because migrations are embedded into the binary.
fn main() {
    println!("cargo:rerun-if-changed=../../../migrations/mysql");
}
