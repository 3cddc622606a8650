# shellcheck shell=bash
# Sourced by start, stop and env: handles the servers of compose.yaml, and tells which servers run at all.

docker_answers() {
    # The client alone is not enough. The server's version can be read only from a running engine.
    docker compose version >/dev/null 2>&1 && docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

compose() {
    MONGODB_PORT=$(port mongodb) KAFKA_PORT=$(port kafka) KAFKA_SCRAM_PORT=$(port kafka-scram) \
        MYSQL_PORT=$(port mysql) MARIADB_PORT=$(port mariadb) \
        docker compose --project-directory "$project" --profile mariadb "$@"
}

# The names of the running servers, one per line.
running() {
    local server
    case $(engine) in
    # If the engine has gone, no server runs.
    compose) compose ps --services --status running 2>/dev/null || true ;;
    native) for server in "${servers[@]}"; do
        if "$project/tests/services/$server.sh" running; then echo "$server"; fi
    done ;;
    esac
}
