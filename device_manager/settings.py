"""Every number and switch of the product, typed, with its unit (design 2)."""

from __future__ import annotations

import os
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

PREFIX = "DEVICE_MANAGER_"


class InvalidSettings(ValueError):
    """A setting has a name or a value that cannot be used; the text names it and where it came from."""


class AppliesTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a password policy is about: users by id, and those with one of some profiles or roles."""

    users: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()


class PasswordPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What passwords of the strategy `local` have to be like, named as in the configuration of existing platforms.

    Attributes:
        applies_to: `*` for everybody.
        expires_after: a duration such as `30d`, after which a password has to be changed.
        forbid_login_in_password: the username must not be a part of it.
        forbid_reused_password_count: so many of the last passwords must not be taken again.
        must_change_password_if_set_by_admin: a password that somebody else set is good for changing it only.
        password_regex: a regular expression that it matches somewhere, maybe as `/pattern/flags`.
    """

    applies_to: Literal["*"] | AppliesTo = "*"
    expires_after: str | int | None = None
    forbid_login_in_password: bool = False
    forbid_reused_password_count: int = 0
    must_change_password_if_set_by_admin: bool = False
    password_regex: str = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings. Each can be given by a flag, by `DEVICE_MANAGER_<NAME>` or in a TOML file, in that order."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 7512
    """Port for HTTP and WebSocket."""
    store: str = "sqlite:./data"
    """`sqlite:DIR` or `elasticsearch:http://HOST:PORT`."""
    sqlite_rows_bytes: int = 32 << 20
    """Bytes of documents that the embedded store keeps in memory because they were read or changed lately."""
    redis: str = ""
    """`redis://[:PASSWORD@]HOST:PORT[/NUMBER]`, or `rediss:` over TLS: the Redis through which servers on one cluster
    tell each other of changes, and which keeps the values of `ms`. Without it notifications stay in this server, and so
    do the values, until it stops. The database of that number, 0 if none is given, holds what is the servers' own."""
    redis_memory_database: int = 5
    """Number of the database of `redis` that holds the values of `ms`; another one than the servers' own."""
    redis_deadline: float = 2.0
    """Seconds after which a Redis that does not answer makes a request of `ms` fail with 503."""
    memory_storage_bytes: int = 64 << 20
    """Bytes that the values of `ms` may take without a `redis`; writing more is refused with 507."""
    memory_storage_answer_bytes: int = 16 << 20
    """Bytes of values that one answer of `ms` may hold, in a `redis` too; asking for more is refused with 413."""
    plugin: tuple[str, ...] = ()
    """Files or modules that are loaded as plugins. Lists like this one are separated by commas in the environment, and
    their flags may be given several times."""
    plugins: dict[str, dict[str, Any]] = {}
    """What each plugin is configured with, by plugin name: the tables `[plugins.<name>]` of the TOML file."""
    decoder: tuple[str, ...] = ()
    """Decoders that ship with the product and are switched on: `the-things-stack`, `chirp-stack`, `json`. Each adds a
    device model with the measures that it finds, and a route that takes payloads."""
    insecure: bool = False
    """Listen on other addresses than loopback although anonymous callers may do everything."""
    log_level: str = "warning"
    """`debug`, `info`, `warning` or `error`."""

    log_format: Literal["text", "json"] = "text"
    """`text` for people, `json` for what collects logs: one object a line."""
    access_log: bool = False
    """Write a line for each request: who asked what, how it was answered, how long it took. Costs some 20 us each."""
    metrics_networks: tuple[str, ...] = ()
    """Networks, such as `127.0.0.1` or `10.0.0.0/8`, from which `GET /metrics` needs no right; from elsewhere it needs
    that to `server:prometheus`. What comes through a proxy is never taken for one of them. The figures name engines."""
    dump_directory: str = "./dumps"
    """Directory into which `admin:dump` writes its archives."""
    dumps_kept: int = 5
    """Archives that stay there; older ones are removed."""
    debug: bool = False
    """Let `debug:enable` open sessions, in which administrators see where the code is and what takes memory."""
    telemetry: str = ""
    """Address to which OpenTelemetry traces are sent over HTTP, such as `http://127.0.0.1:4318/v1/traces`; needs the
    extra `telemetry`. Without it there are none, and they cost nothing."""

    platform_index: str = "device-manager"
    """Index of what all engines share: models, provisioned devices, engine configurations."""

    max_message_bytes: int = 16 << 20
    """Largest WebSocket message and HTTP body."""
    max_depth: int = 200
    """Deepest nesting of a JSON message."""
    max_form_file_bytes: int = 1 << 20
    """Largest file in a multipart body."""
    max_incoming_bytes: int = 256 << 20
    """Bytes that the half-sent and waiting messages of all connections may hold together, beside 16 kB for each
    connection; beyond it WebSockets are closed with 1013 and HTTP requests refused with 503."""
    max_connections: int = 10_000
    """Connections to one port that are open at once; further ones are closed."""
    connection_running: int = 64
    """Requests of one WebSocket connection that run at once; further ones wait."""
    connection_waiting: int = 4096
    """Messages of one WebSocket connection that wait; beyond it 503."""
    connection_waiting_bytes: int = 64 << 20
    """Bytes of the messages of one WebSocket connection that wait; beyond it 503."""
    connection_rate: int = 0
    """Messages a second of one WebSocket connection; beyond it 429. 0 for any number."""
    connection_outgoing_bytes: int = 16 << 20
    """Bytes queued for a WebSocket client that does not read before it is cut."""
    idle_timeout: float = 60.0
    """Seconds without a byte from a WebSocket client before it is closed."""
    header_timeout: float = 10.0
    """Seconds that the header of an HTTP request may take."""
    body_timeout: float = 20.0
    """Seconds that may pass between two parts of an HTTP body."""
    keep_alive: int = 65
    """Seconds that an HTTP connection stays open between requests."""
    shutdown_timeout: float = 15.0
    """Seconds that running requests get to finish when the server stops."""
    stalled_reader_timeout: float = 30.0
    """Seconds after which the kernel drops a peer that acknowledges nothing."""

    allowed_origins: tuple[str, ...] = ("*",)
    """Web origins whose pages may call, over HTTP and WebSocket: `https://app.example`, or with `*` for a part of the
    host name or the port: `https://*.example:*`. `*` alone allows all. Other pages get 401."""
    allowed_headers: tuple[str, ...] = (
        "Content-Type",
        "Access-Control-Allow-Headers",
        "Authorization",
        "X-Requested-With",
        "Content-Length",
        "Content-Encoding",
        "X-Kuzzle-Volatile",
        "X-Kuzzle-Request-Id",
        "Idempotency-Key",
    )
    """Headers that pages of other origins may send."""
    allow_credentials: bool = True
    """Tell browsers that pages of other origins may send cookies."""
    compression: bool = True
    """Accept compressed HTTP bodies, and compress answers for clients that ask for it; never streams."""
    compression_threshold: int = 1024
    """Bytes from which an HTTP answer is worth compressing."""
    additional_content_types: tuple[str, ...] = ()
    """Further content types of HTTP bodies, in lower case. They are read as JSON unless a pipe on
    `protocol:http:beforeParsingPayload` rewrites them."""
    strict_sdk_version: bool = True
    """Refuse requests of SDKs that are too old for this protocol."""

    requests_running: int = 512
    """Requests that run at once in this process. Writes that run at once share commits, so few make writing slow."""
    requests_waiting: int = 50_000
    """Requests that wait for a slot; beyond it 503."""
    streams_running: int = 32
    """Streaming answers that are sent at once in this process; beyond it 503."""
    export_lifetime: float = 120.0
    """Seconds for which the link to a prepared export is good."""
    pipe_deadline: float = 30.0
    """Seconds that a `before` pipe may take before its request is refused with 504."""
    pipe_warning: float = 0.5
    """Seconds after which a pipe is named in the log."""
    pipe_concurrency: int = 50
    """Records of one bulk call whose pipes run at once."""

    search_size: int = 10_000
    """Largest `size` and largest `from + size` of a search."""
    scroll_duration: float = 60.0
    """Longest time, in seconds, that a scroll waits for its next page."""
    scrolls_per_user: int = 100
    """Scrolls of one user that are open at once; beyond it 429. Anonymous callers count as one user."""
    documents_write_count: int = 200
    """Most documents that one native `m*` action or one deletion by query may write."""
    bulk_records: int = 20_000
    """Most records of one bulk call."""
    bulk_chunk: int = 1000
    """Records of a bulk call that are committed together when it is not strict."""
    retention_interval: float = 3600.0
    """Seconds between two removals of what engines do not want to keep any longer."""
    idempotency_kept: float = 86_400.0
    """Seconds for which the answer to a request with an idempotency key is kept for its retries."""
    idempotency_wait: float = 10.0
    """Seconds that a retry waits for the first request with its key, if that still runs, before it gets a 429."""
    ubidots: bool = True
    """Answer clients of Ubidots below `/api/v2.0` and `/api/v1.6`."""
    ubidots_token_lifetime: float = 21_600.0
    """Seconds without use after which a token that a client of Ubidots got for its API key is good no more."""
    ubidots_bulk_status: int = 202
    """HTTP status of the answer to a bulk operation of Ubidots that was accepted."""
    ubidots_bulk_most: int = 1000
    """Devices that one bulk operation of Ubidots may name."""
    ubidots_bulk_accepts_delete: bool = False
    """Take the verb DELETE too where Ubidots deletes devices in bulk by POST."""
    ubidots_purge_measures: bool = True
    """Remove the measures of devices and variables that clients of Ubidots delete; otherwise they stay."""
    ubidots_task_kept: float = 604_800.0
    """Seconds for which clients of Ubidots can read a task after its end."""
    ubidots_rate: int = 0
    """Requests a second that one credential of Ubidots may make of a server, 0 for any number."""

    sitewise: bool = True
    """Answer clients of AWS IoT SiteWise below `/sitewise`, and on `sitewise_port` if there is one."""
    sitewise_port: Annotated[int, msgspec.Meta(ge=-1, le=65535)] = -1
    """Port for clients of AWS IoT SiteWise alone, with everything at `/`; 0 for any free one, -1 for none."""
    sitewise_clock_skew: float = 300.0
    """Seconds by which the clocks of clients of AWS IoT SiteWise may differ."""
    sitewise_extended_codes: bool = False
    """Tell with `RESOURCE_NOT_FOUND` or `CONFLICT` why an asset cannot come into a project of AWS IoT SiteWise, or
    leave it, although the service knows but the code `INTERNAL_FAILURE`."""
    sitewise_accept_computed: bool = False
    """Store transforms and metrics in asset models of AWS IoT SiteWise, although nothing computes their values;
    otherwise 400."""
    sitewise_portals: int = 100
    """Portals of AWS IoT SiteWise in one engine; beyond it 410."""
    sitewise_portal_projects: int = 100
    """Projects of one portal of AWS IoT SiteWise; beyond it 410."""
    sitewise_project_assets: int = 10_000
    """Assets of one project of AWS IoT SiteWise; beyond it 410."""
    sitewise_asset_models: int = 1000
    """Asset models that clients of AWS IoT SiteWise may see in one engine before they cannot make more; beyond it
    410."""
    sitewise_assets: int = 100_000
    """Assets in one engine, native ones too, beyond which clients of AWS IoT SiteWise get 410 for further ones."""
    sitewise_rate: int = 0
    """Requests a second that one account of AWS IoT SiteWise may make of a server; beyond it 429. 0 for any number."""

    teos: bool = True
    """Answer clients of TEOS below `/odata`; signatures need the extra `teos`."""
    teos_ledger: int = 1
    """Number of the ledger, from 0 to 65535: the last four hexadecimal digits of the assets' ids."""
    teos_chain_id: int = 7512
    """Number of the chain that signatures for the local ledger bind."""
    teos_gas_price: int = 1_800_000_000
    """Wei for a unit of gas that signers for the local ledger are proposed."""
    teos_gas_limit: int = 200_000
    """Gas that signers for the local ledger are proposed at least."""
    teos_confirm_delay: float = 0.2
    """Seconds after which a block of the local ledger is read again, to confirm its transaction."""
    teos_rpc_url: str = ""
    """JSON-RPC service of a chain that signed transactions go to, beside the local ledger; needs the extra
    `teos-chain`. Empty for the local ledger alone."""
    teos_contract: str = ""
    """Address of the contract that is called on that chain; its code takes the calls, or just logs them."""
    teos_confirmations: int = 1
    """Blocks of that chain above a transaction's until it is confirmed."""
    teos_poll: float = 2.0
    """Seconds between two looks at that chain."""
    teos_require_chain_id: bool = False
    """Refuse signatures that bind no chain (those from before EIP-155)."""
    teos_state_format: Literal["name", "number"] = "name"
    """How transactions show their states: `Committed` or `"3"`. Filters take both."""
    teos_rate: int = 0
    """Requests a minute that one credential of TEOS may make of a server; beyond it 429. 0 for any number."""
    teos_page: int = 50
    """Entities of one page of TEOS."""
    teos_error_casing: Literal["camel", "pascal", "both"] = "camel"
    """How the members of TEOS' errors are written: `code`, `Code`, or both."""

    device_rate: float = 0.0
    """Payloads a second that one device may send; beyond it 429. 0 for any number."""
    device_burst: float = 20.0
    """Payloads that a device which sent none for a while may send at once, if `device_rate` limits it."""

    spool_directory: str = ""
    """Directory in which payloads wait while the store does not answer; their senders get `spooled: true`. Each server
    needs its own. Meanwhile senders may do what was known last of their rights. Without it such payloads get 503."""
    spool_bytes: int = 1 << 30
    """Bytes of payloads that may wait in `spool_directory`; beyond it 503."""

    realtime_rooms: int = 100_000
    """Different filters that clients of this server may follow at once; beyond it 413."""
    realtime_connection_rooms: int = 1000
    """Different filters that one connection may follow; beyond it 413."""
    realtime_subscriptions: int = 500_000
    """Filters that all connections to this server may follow together; beyond it 413."""
    realtime_conditions: int = 100
    """Conditions of one filter, each value of `in`, `ids` and `match` being one; beyond it 400."""
    realtime_log_entries: int = 10_000
    """Changes of followed collections that are remembered for clients that come back, over all collections; and
    collections that nobody follows any more of which each server goes on remembering changes."""
    realtime_log_bytes: int = 32 << 20
    """Bytes that the remembered changes may take."""
    realtime_log_age: float = 300.0
    """Seconds for which changes are remembered, and for which a collection that nobody follows any more is watched."""

    transaction_retries: int = 5
    """How often a transaction that others were faster than is tried again before it is refused with 409."""
    store_deadline: float = 4.0
    """Seconds after which a store that does not answer makes a request fail with 503."""
    store_start_wait: float = 30.0
    """Seconds that a starting server waits for a store that does not answer yet, before it gives up."""
    recovery_grace: float = 10.0
    """Seconds that an undecided transaction of another process is left alone."""

    token_lifetime: float = 3600.0
    """Seconds that a token lives when its request does not say."""
    token_longest: float = -1.0
    """Longest life of a token, in seconds; -1 for no limit."""
    token_grace: float = 1.0
    """Seconds that a token stays good after it was refreshed."""
    api_key_longest: float = -1.0
    """Longest life of an API key that users make for themselves, in seconds; -1 for no limit."""
    cookie_auth: bool = True
    """Whether browsers may keep their token in a cookie."""
    password_threads: int = 2
    """Passwords that are hashed at once, each in `password_memory`."""
    password_memory: int = 19 << 20
    """Bytes of memory that hashing a password takes: what makes guessing expensive."""
    password_passes: int = 2
    """How often hashing a password goes through that memory."""
    logins_waiting: int = 64
    """Requests that wait for a password to be hashed; beyond it 429."""
    rehash_passwords: bool = True
    """Store a password of another making, such as of an existing Kuzzle platform, anew when its user logs in. Leave it
    off while that platform still runs on the same data: it does not know the new form."""
    logins_per_second: int = 1
    """Logins a second over one WebSocket connection; beyond it 429. 0 for any number."""
    login_failures: int = 5
    """Logins of one user from one address that may fail before further ones are made to wait (429); 20 times as many
    of one user from everywhere, 10 times as many from one address. 0 never makes anybody wait."""
    login_delay: float = 30.0
    """Seconds of the longest wait between two such logins; it begins with one second and doubles."""
    trusted_proxies: int = 0
    """Proxies in front of the server that append to `X-Forwarded-For`: tells callers apart where logins and anonymous
    requests are counted by address. 0 takes the address that a connection comes from."""
    require_password: bool = False
    """Ask for `currentPassword` when users change or delete their own credentials."""
    password_reset_lifetime: float = 7200.0
    """Seconds for which a token to reset a password is good."""
    password_policies: dict[str, PasswordPolicy] = {}
    """What passwords have to be like, by a name of your choice: the tables `[serve.password_policies.<name>]` of the
    TOML file, see `docs/security.md`."""
    restricted_profiles: tuple[str, ...] = ("default",)
    """Profiles of users that `security:createRestrictedUser` makes. In the environment they are separated by commas."""


LISTS = frozenset(field.name for field in msgspec.structs.fields(Settings) if typing.get_origin(field.type) is tuple)
"""Settings that hold several texts; in the environment they are separated by commas."""
TABLES = frozenset({"plugins", "password_policies"})
"""Settings that only the settings file and the environment, as JSON, can hold."""


def load_settings(
    flags: Mapping[str, Any], *, file: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Merge the four sources: flags win over the environment, this over the file, that over the defaults.

    Args:
        flags: values by setting name; None counts as not given.
        file: TOML with the server's settings in the table `[serve]` and those of plugins in `[plugins.<name>]`.
        environment: variables named `DEVICE_MANAGER_<NAME>`; others are left alone.

    Raises:
        InvalidSettings: a value of the wrong type, an unknown name in the file, or a file that cannot be read.
    """
    merged = _from_file(file) if file else {}
    for name in Settings.__struct_fields__:
        text = environment.get(PREFIX + name.upper())
        if text is not None:
            merged[name] = _from_text(name, text)
    merged |= {name: value for name, value in flags.items() if value is not None}
    try:
        return msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidSettings(f"Unusable setting: {error}") from error


def _from_file(file: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InvalidSettings(f"Cannot read the settings file {file}: {error}") from error
    named = {name.replace("-", "_"): value for name, value in tables.get("serve", {}).items()}
    return named | {"plugins": tables.get("plugins", {})}


def _from_text(name: str, text: str) -> Any:
    if name in LISTS:
        return [part for part in text.split(",") if part]
    if name in TABLES:
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise InvalidSettings(f"{PREFIX}{name.upper()} has to be a JSON object: {error}") from error
    return text
