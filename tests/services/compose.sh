# shellcheck shell=bash
# Sourced by start, stop and env: the servers of compose.yaml, and which servers run at all.

docker_answers() {
    # The client alone is not enough: the server's version takes an engine that runs.
    docker compose version >/dev/null 2>&1 && docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

compose() {
    MONGODB_PORT=$(port mongodb) KAFKA_PORT=$(port kafka) KAFKA_SCRAM_PORT=$(port kafka-scram) \
        MYSQL_PORT=$(port mysql) MARIADB_PORT=$(port mariadb) \
        docker compose --project-directory "$project" --profile mariadb "$@"
}

# The names of the servers that run, one per line.
running() {
    local server
    case $(engine) in
    # An engine that has gone runs nothing.
    compose) compose ps --services --status running 2>/dev/null || true ;;
    native) for server in "${servers[@]}"; do
        if "$project/tests/services/$server.sh" running; then echo "$server"; fi
    done ;;
    esac
}
