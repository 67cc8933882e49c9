# shellcheck shell=bash
# Puts a Rust that is new enough first on the PATH. Sourced by the other scripts.

# The oldest Rust that builds this workspace; `rust-version` in Cargo.toml says the same.
rust_needed=1.90

# Says whether folder $1 has cargo and rustc, new enough, and the cargo commands $2...
good_rust_in() {
  local folder=$1 tool version
  shift
  for tool in cargo rustc; do
    [ -x "$folder/$tool" ] || return 1
    version=$("$folder/$tool" --version 2>/dev/null | cut -d' ' -f2) || return 1
    [ "$(printf '%s\n' "$rust_needed" "${version%%-*}" | sort -V | head -n 1)" = "$rust_needed" ] ||
      return 1
  done
  for tool in "$@"; do
    PATH="$folder:$PATH" "$folder/cargo" "$tool" --version >/dev/null 2>&1 || return 1
  done
}

# Takes the cargo on the PATH, else rustup's place, else Debian's; fails when none will do.
# Arguments are cargo commands that must be there too, such as `fmt clippy`.
use_rust() {
  local folder on_path
  on_path=$(command -v cargo || true)
  on_path=${on_path%/*}
  for folder in "$on_path" "${CARGO_HOME:-${HOME:-/root}/.cargo}/bin" /usr/bin; do
    if [ -n "$folder" ] && good_rust_in "$folder" "$@"; then
      # These would win over the PATH and point to another Rust.
      [ "$folder" = "$on_path" ] || { unset RUSTC RUSTDOC CARGO && PATH="$folder:$PATH"; }
      export PATH
      return 0
    fi
  done
  return 1
}
