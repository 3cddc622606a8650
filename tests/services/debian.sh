# shellcheck shell=bash
# Sourced by the servers that come from Debian.
#
# The servers may come from a newer Debian than the machine's. So each is unpacked with all its dependencies, its own libc too,
# into a folder of its own. It runs by that folder's program loader. Nothing is installed on the machine, and neither root nor a
# chroot is needed. apt fetches the packages and checks the signatures, with a state folder of its own.

# unpack_debian SUITE PACKAGE FOLDER
unpack_debian() {
    local suite=$1 package=$2 folder=$3 apt mirror
    mirror=$(debian_mirror)
    # An empty status makes apt take every dependency. The machine's settings, such as a proxy, stay in force.
    apt=(apt-get --quiet=2 --yes -o Dir::State="$folder/apt" -o Dir::State::status="$folder/apt/status"
        -o Dir::State::lists=lists/ -o Dir::Cache="$folder/apt" -o Dir::Cache::archives=archives/
        -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts=- -o Dir::Etc::preferences=/dev/null
        -o Dir::Etc::preferencesparts=/dev/null -o APT::Sandbox::User=root -o APT::Install-Recommends=false
        -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Retries=3)
    mkdir -p "$folder/apt"
    touch "$folder/apt/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$folder/apt/sources.list"
    "${apt[@]}" update
    "${apt[@]}" --download-only install "$package"
    # Perl is left out, because only the packages' helper scripts need it. Two packages are unpacked at a time, one for each
    # core.
    # shellcheck disable=SC2016 # for the inner shell
    find "$folder/apt/archives" -name '*.deb' ! -name 'perl*' ! -name 'libperl*' -print0 |
        xargs --null --max-procs=2 --max-args=1 bash -o pipefail -c 'dpkg-deb --fsys-tarfile "$1" |
            tar --extract --directory "$0" --exclude=./usr/bin --exclude=./usr/share/{doc,man,locale} --exclude="*/gconv"' "$folder"
    rm -rf "$folder/apt"
}

# The mirror that this machine's apt uses for Debian itself.
debian_mirror() {
    # shellcheck disable=SC2016 # for apt
    local targets=(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian') mirror
    mirror=$("${targets[@]}" | sort --unique | sed --quiet 1p)
    # A machine that never ran an update knows no labels yet.
    [[ $mirror ]] || { apt-get --quiet=2 update >&2 && mirror=$("${targets[@]}" | sort --unique | sed --quiet 1p); }
    [[ $mirror ]] || fail "MySQL and MariaDB are unpacked from Debian packages, and this machine's apt has no Debian mirror: start a Docker engine instead"
    echo "$mirror"
}

# write_runner FOLDER PROGRAM: writes FOLDER/NAME, which runs the program with the libraries that came with it.
write_runner() {
    local runner=$1/${2##*/} loader
    loader=$(cd "$1" && echo usr/lib*/ld-linux-*.so.*)
    cat >"$runner" <<RUNNER
#!/bin/sh
here=\$(dirname "\$0")
exec "\$here/$loader" --library-path "\$here/usr/lib/$(uname -m)-linux-gnu" "\$here/$2" "\$@"
RUNNER
    chmod +x "$runner"
}
