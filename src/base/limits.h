// SPDX-License-Identifier: MIT
/*
 * base/limits.h - every limit, with its unit, its reason and what happens at it.
 */
#ifndef CL_BASE_LIMITS_H
#define CL_BASE_LIMITS_H

#define CL_KIB 1024u
#define CL_MIB (1024u * 1024u)

/* -- memory -------------------------------------------------------------------------------- */

/* Blocks of up to so many bytes are kept for reuse, and so many bytes of all sizes together: what
 * a turn of a thousand small messages needs. */
#define CL_POOL_BLOCK_BYTES_MAX (4 * CL_KIB)
#define CL_POOL_KEPT_BYTES      (2 * CL_MIB)

/* -- secrets and names -------------------------------------------------------------------- */

/* A token or shared secret; a longer one is refused at the start. */
#define CL_SECRET_BYTES_MAX 512
/* An agent id or file key (clawlink-v1.md, Ids and keys); longer is 400. */
#define CL_ID_BYTES_MAX 256

/* -- JSON ---------------------------------------------------------------------------------- */

/* Nested arrays and objects; deeper is malformed. */
#define CL_JSON_DEPTH_MAX 32
/* Members of one object; more is malformed. Bounds the search for duplicate names. */
#define CL_JSON_MEMBERS_MAX 1000
/* What a scan asks of its arena at the most: CL_JSON_MEMBERS_MAX names on each level. */
#define CL_JSON_SCAN_ARENA_BYTES_MAX (2 * CL_MIB)

/* -- HTTP ---------------------------------------------------------------------------------- */

/* A longer method is 501: no method that anybody implements has such a name. */
#define CL_HTTP_METHOD_BYTES_MAX 32
/* "GET /path HTTP/1.1"; a longer target is 414. */
#define CL_HTTP_TARGET_BYTES_MAX (8 * CL_KIB)
/* Request line, all fields and the empty line together; more is 431. So are more bytes of chunk
 * extensions and trailer in one message. */
#define CL_HTTP_HEAD_BYTES_MAX (16 * CL_KIB)
/* What most heads are smaller than: the room that a buffer for one begins with. */
#define CL_HTTP_HEAD_BYTES_USUAL 512
/* Field lines in a head or trailer; more is 431. */
#define CL_HTTP_FIELDS_MAX 100
/* One chunk-size line with its extensions; longer is malformed. */
#define CL_HTTP_CHUNK_LINE_BYTES_MAX 256
/* A v1 body: 1 048 576 bytes is too large, one less is not (clawlink-v1.md, Body). */
#define CL_HTTP_BODY_BYTES_MAX (CL_MIB - 1)
/* What a client takes of an answer: 1000 polled messages of 1 MiB in all, with their frames. */
#define CL_HTTP_ANSWER_BYTES_MAX (16 * CL_MIB)

/* -- WebSocket ----------------------------------------------------------------------------- */

/* One message, all fragments together; more closes with 1009. */
#define CL_WS_MESSAGE_BYTES_MAX CL_MIB
/* A control frame's payload (RFC 6455 section 5.5). */
#define CL_WS_CONTROL_BYTES_MAX 125

/* -- connections --------------------------------------------------------------------------- */

/* One read of the loop; the buffer is shared by all connections. */
#define CL_NET_READ_BYTES (64 * CL_KIB)
/* Reads of one connection in one turn of the loop, so that a loud one cannot starve the rest. */
#define CL_NET_READS_PER_TURN 4
/* Pushes waiting on one connection; past it the reader is cut and its messages stay queued. */
#define CL_NET_OUT_BYTES_MAX CL_MIB
/* Bodies of at least this size go out by reference, smaller ones are copied into the buffer. */
#define CL_NET_BODY_REF_BYTES_MIN 1024
/* From accept to a whole head. */
#define CL_NET_HEAD_TIMEOUT_MS 10000
/* After this time a body must have come at CL_NET_BODY_RATE_MIN bytes a second on average. */
#define CL_NET_BODY_GRACE_MS 10000
#define CL_NET_BODY_RATE_MIN 1024
/* A kept-alive connection without a request. */
#define CL_NET_IDLE_TIMEOUT_MS 75000
/* Output waits and the peer takes none of it. */
#define CL_NET_WRITE_STALL_MS 10000
/* A WebSocket is pinged so often, and dead when it has said nothing for so long. */
#define CL_NET_PING_MS 20000
#define CL_NET_DEAD_MS 45000
/* Between our close frame and the peer's. */
#define CL_NET_CLOSE_WAIT_MS 2000
/* From SIGTERM to the end. */
#define CL_NET_DRAIN_MS 4000
/* Connections that have not shown the token: in all, and from one address; loopback is not
 * counted. */
#define CL_NET_STRANGERS_MAX             256
#define CL_NET_STRANGERS_PER_ADDRESS_MAX 32
/* So many more are kept for /healthz; when they are taken, a newer connection displaces the
 * oldest of them. From accept to a whole head they have this time instead. */
#define CL_NET_HEALTH_RESERVE  16
#define CL_NET_RESERVE_HEAD_MS 1000
/* A wrong token keeps its address (IPv6: /64 network) waiting for so long, several add up to the
 * second; past the third its connections are turned away unread. Loopback is exempt. */
#define CL_NET_PENALTY_MS      5000
#define CL_NET_PENALTY_MS_MAX  600000
#define CL_NET_PENALTY_DEAF_MS 60000
/* Networks that wait at a time; with more the shortest penalties are forgotten. */
#define CL_NET_PENALTIES_MAX 1024
/* Signals that one loop listens to. */
#define CL_NET_SIGNALS_MAX 4
/* Connections that the system keeps until they are accepted. */
#define CL_NET_BACKLOG 1024
/* Connections accepted in one turn of the loop; the rest waits for the next. No more than the
 * reserve has, so that no turn displaces what it accepted itself. */
#define CL_NET_ACCEPTS_PER_TURN CL_NET_HEALTH_RESERVE
/* Without a free descriptor nothing is accepted for so long. */
#define CL_NET_ACCEPT_PAUSE_MS 100
/* Pieces of output in one system call. The lists of them are cleared before they are filled. */
#define CL_NET_OUT_SLICES_MAX 64
/* Small output is copied together into chunks: the first one of the first size, all others of
 * the second, blocks of the pool. One larger piece has a chunk of its own. */
#define CL_NET_OUT_CHUNK_BYTES_MIN 512
#define CL_NET_OUT_CHUNK_BYTES_MAX CL_POOL_BLOCK_BYTES_MAX
/* Our side is shut; so long the rest of the peer's is read, so that it can read ours. */
#define CL_NET_LINGER_MS 2000
/* Descriptors that connections leave to the rest of the program. */
#define CL_NET_FDS_RESERVE 64

/* -- TLS ----------------------------------------------------------------------------------- */

/* Plaintext in one record (RFC 8446 section 5.1), which is how much is sealed at a time. */
#define CL_TLS_RECORD_BYTES (16 * CL_KIB)
/* Pieces of output that go into one record; with more of them there is another record. */
#define CL_TLS_SLICES_MAX 64
/* Records that one key of AES-GCM seals before there is a new one, and that the peer's key may seal
 * before it is asked for a new one: 2^24, so that there is time below 2^24.5. */
#define CL_TLS_KEY_RECORDS (UINT64_C(1) << 24)
/* Records of one key that are safe: 2^24.5 (RFC 8446 section 5.5). A peer that goes on with a key
 * beyond that is cut. */
#define CL_TLS_KEY_RECORDS_MAX UINT64_C(23726566)
/* Records in a row without data: key updates, empty ones. They cost us work and move nothing, and
 * OpenSSL draws the line at the same place. A peer that sends more is cut. */
#define CL_TLS_IDLE_RECORDS_MAX 32
/* Key updates of one connection: each costs us up to 10 us for 27 bytes, and an honest peer needs
 * one for some 2^24 records. With one more it is cut; another handshake is dearer for it. */
#define CL_TLS_UPDATES_MAX 256
/* Sealed before it is offered to the layer below: two records, so that one system call carries
 * them. What is not taken of it waits in the layer, and no more is sealed meanwhile. */
#define CL_TLS_CHUNK_RECORDS 2
#define CL_TLS_CHUNK_BYTES   (CL_TLS_CHUNK_RECORDS * CL_TLS_RECORD_BYTES)
/* A sealed chunk and an alert, or a handshake's answer with a long chain of certificates. A peer
 * that makes more wait, by having OpenSSL answer key updates and reading nothing, is cut. */
#define CL_TLS_OUT_BYTES_MAX (64 * CL_KIB)
/* Bytes that came and are not opened: one read, while the handshake waits or reading is paused. */
#define CL_TLS_HELD_BYTES_MAX (2 * CL_NET_READ_BYTES)
/* Steps of handshakes in one turn of the loop: each is up to a millisecond (RSA 2048), and all
 * other connections wait so long. What is more waits for the next turn, first come first served. */
#define CL_TLS_HANDSHAKES_PER_TURN 4
/* Keys that one --pin may name: the present one, the next one, and a few more. */
#define CL_TLS_PINS_MAX 8
/* A file with certificates, or a key; a larger one is none. */
#define CL_TLS_FILE_BYTES_MAX (256 * CL_KIB)
/* Certificates behind the first in one chain. */
#define CL_TLS_CHAIN_MAX 16
/* Names and addresses in a certificate that the relay makes for itself. */
#define CL_TLS_NAMES_MAX 40
/* Such a certificate is good for ten years, since nobody looks at its dates who goes by the pin. In
 * its last 30 days a start of the relay writes a new one for the same key. */
#define CL_TLS_SELF_SIGNED_DAYS 3650
#define CL_TLS_RENEW_DAYS       30

/* -- discovery on the local network -------------------------------------------------------- */

/* A datagram that is read (RFC 6762 section 17); a larger one is dropped. */
#define CL_MDNS_DATAGRAM_BYTES_MAX 9000
/* One that is sent: fits an Ethernet frame under IPv6; what does not fit waits for the next. */
#define CL_MDNS_SEND_BYTES_MAX 1440
/* Questions and records of one message, and pointers in one name; more is refused. Together they
 * bound the work of one datagram: without the second a name leads through thousands of pointers. */
#define CL_MDNS_ITEMS_MAX    256
#define CL_MDNS_POINTERS_MAX 16
/* Records that a query may claim for its sender (RFC 6762 section 8.2); a relay claims 10 at the
 * most. A query with more is refused by its header. */
#define CL_MDNS_CLAIMS_MAX 32
/* Names that a writer remembers for compression; later ones are written whole. */
#define CL_MDNS_WRITER_NAMES_MAX 64
/* Members of a TXT record, all together; a longer record is read as an empty one. */
#define CL_MDNS_TXT_BYTES_MAX 1024
/* Addresses of one interface, or of one machine that was found; further ones are left out. */
#define CL_MDNS_ADDRESSES_MAX 8
/* Interfaces on which we speak; further ones are left out. */
#define CL_MDNS_LINKS_MAX 32
/* Answers to single hosts, and queries whose known answers go on, that wait on one interface;
 * when all are taken a query is dropped, and who asked asks again. */
#define CL_MDNS_JOBS_MAX 16
/* So many relays are kept of all that answer on an interface, and of one address; further ones
 * are not listed, and it is said that there are more. */
#define CL_MDNS_FOUND_MAX            64
#define CL_MDNS_FOUND_PER_SOURCE_MAX 16
/* Interfaces are looked at so often, so that a cable plugged in later works. */
#define CL_MDNS_RESCAN_MS 5000
/* Datagrams read of one socket in one turn of the loop, and of both in each slice of time, and
 * what reading and answering them may take of that; past that the sockets rest until the next
 * slice, and the system drops what they cannot hold. */
#define CL_MDNS_READS_PER_TURN     8
#define CL_MDNS_READS_PER_SLICE    100
#define CL_MDNS_SPENT_US_PER_SLICE 10000
#define CL_MDNS_SLICE_MS           200
/* `clawlink scan`, and the search of a client that knows no relay: whoever has just multicast its
 * record says it again a second and up to 120 ms later (RFC 6762 section 6), and some gather
 * answers for 200 ms more. One that is missed would leave the other as the only one. */
#define CL_MDNS_SCAN_MS       3000
#define CL_MDNS_SCAN_MAX_S    60
#define CL_MDNS_LOOK_ABOUT_MS 1600

/* -- the core ------------------------------------------------------------------------------ */

/* One inbox, and all together; more is CL_ERR_INBOX_FULL or CL_ERR_FULL. Options change them. Of
 * one inbox's messages and bytes a sender may hold half, but one message always; more is
 * CL_ERR_FAIR_SHARE. */
#define CL_INBOX_MESSAGES_MAX 100000
#define CL_INBOX_BYTES_MAX    (64 * CL_MIB)
#define CL_INBOXES_BYTES_MAX  (1024 * CL_MIB)
/* Registered agents; more is CL_ERR_TOO_MANY. */
#define CL_AGENTS_MAX 100000
/* Inboxes for ids that nobody registered, and how long each waits for its agent. */
#define CL_ORPHANS_MAX    1000
#define CL_ORPHAN_LIFE_MS (24LL * 3600 * 1000)
/* A message that nobody took ends after this time. */
#define CL_MESSAGE_LIFE_MS (7LL * 24 * 3600 * 1000)
/* An agent that was silent for so long, with an empty inbox, is forgotten. */
#define CL_AGENT_SILENT_MS (7LL * 24 * 3600 * 1000)
/* Broadcasts kept per topic list (clawlink-v1.md, POST /broadcast). */
#define CL_BROADCASTS_KEPT 200
/* Shared files, their versions kept, and the bytes of all versions of all files. */
#define CL_FILES_MAX          10000
#define CL_FILE_VERSIONS_KEPT 10
#define CL_FILES_BYTES_MAX    (256 * CL_MIB)
/* The newest broadcasts that are kept, all together; past it the oldest go first. */
#define CL_BROADCASTS_BYTES_MAX (64 * CL_MIB)
/* Name of a topic. */
#define CL_TOPIC_BYTES_MAX 256
/* A body in a command: a v1 body (CL_HTTP_BODY_BYTES_MAX) with all its defaults; more is
 * CL_ERR_TOO_LARGE. */
#define CL_BODY_BYTES_MAX (CL_MIB + 4 * CL_KIB)
/* What agents say about themselves, all agents together; more is CL_ERR_FULL. */
#define CL_RECORDS_BYTES_MAX (256 * CL_MIB)
/* What a waiting message counts besides its bytes, and what each inbox it waits in counts, so
 * that empty messages are not free. An entry is a pointer in a ring that may be half empty, and a
 * share of 32 bytes in a table that may be two thirds empty. */
#define CL_MESSAGE_COST_BYTES 256
#define CL_ENTRY_COST_BYTES   112
/* Numbers from front to end of each lane up to which an inbox's shares are not kept but counted
 * when asked for. What a connection may hold unacknowledged, so that an inbox whose agent keeps up
 * never has a table. */
#define CL_SHARES_COUNTED_MAX CL_CREDIT_MESSAGES
/* Numbers between the front and the end of one lane of an inbox, holes included; a lane whose
 * front message stays while so many pass it is full: CL_ERR_INBOX_FULL. */
#define CL_LANE_SPAN_MAX (1u << 24)
/* Relays that share one journal. */
#define CL_RELAYS_MAX 64
/* The last millisecond of the year 9999; a command stamped later is malformed, so that adding a
 * life to a time cannot overflow. */
#define CL_COMMAND_TIME_MS_MAX 253402300799999LL
/* Commands that wait for their commit; more is CL_ERR_FULL. */
#define CL_JOURNAL_WAITING_MAX 65536
/* Ranges that one acknowledgement may name. */
#define CL_ACK_RANGES_MAX 256

/* -- delivery of protocol v2 --------------------------------------------------------------- */

/* The name of a thread, and the words that say why a message was refused or failed. */
#define CL_THREAD_BYTES_MAX 128
#define CL_REASON_BYTES_MAX 256
/* Numbers of a stream that are told apart, 1 KiB; one that is further back is a duplicate. */
#define CL_WINDOW_NUMBERS 8192
/* Streams of one sender with a window. With one more the least recently used has ended: what still
 * comes of it is CL_ERR_STALE, as long as its name is remembered, of which there are so many. */
#define CL_STREAMS_MAX       4
#define CL_STREAMS_ENDED_MAX 1024
/* Senders with windows or receipts; for one more the one that was idle, else silent, for longest is
 * forgotten. Without receipts a sender is forgotten after this time: by then all that it could send
 * again has expired. */
#define CL_SENDERS_MAX    100000
#define CL_SENDER_LIFE_MS CL_MESSAGE_LIFE_MS
/* Receipts of one sender, and in all, some 500 bytes each; past it those with news beyond
 * "accepted" go, the oldest news first, then the oldest. */
#define CL_RECEIPTS_MAX     20000
#define CL_RECEIPTS_ALL_MAX 200000
/* A receipt is kept for so long after its message would have expired, so that a sender who was
 * away learns how it ended. */
#define CL_RECEIPT_KEPT_MS (24LL * 3600 * 1000)
/* Dead letters, all together; past it the oldest go. Each counts as a message does, and is kept for
 * so long. */
#define CL_DEAD_BYTES_MAX (64 * CL_MIB)
#define CL_DEAD_LIFE_MS   (7LL * 24 * 3600 * 1000)
/* A chain that its senders declare: messages one after the other, messages in all, and messages of
 * one thread in a minute, as many as chains that one sender begins there. More is CL_ERR_LOOP. */
#define CL_CHAIN_HOPS_MAX          8
#define CL_CHAIN_MESSAGES_MAX      200
#define CL_CHAIN_THREAD_MINUTE_MAX 30
/* One that a sender inherits because it took a message less than this ago: people who talk for an
 * hour must not meet it, a ring of agents that answer each other must. */
#define CL_CHAIN_INHERITED_HOPS_MAX     64
#define CL_CHAIN_INHERITED_MESSAGES_MAX 10000
#define CL_CHAIN_MEMORY_MS              (10LL * 60 * 1000)
/* Chains and threads that are counted; with more the least recently used are forgotten, and begin
 * anew if they go on. */
#define CL_CHAINS_MAX  65536
#define CL_THREADS_MAX 16384

/* What came once and is not accepted again, some 100 bytes each; one more is CL_ERR_TOO_MANY. It is
 * known for no longer than this. */
#define CL_ONCE_MAX     65536
#define CL_ONCE_LIFE_MS CL_MESSAGE_LIFE_MS

/* -- records on a disk --------------------------------------------------------------------- */

/* One record: a command with two bodies, twice over. Longer is CL_ERR_TOO_LARGE. */
#define CL_DISKLOG_RECORD_BYTES_MAX (8 * CL_MIB)
/* Records of one commit, their lengths included; more is CL_ERR_FULL, and they are committed
 * first. */
#define CL_DISKLOG_BATCH_BYTES_MAX (64 * CL_MIB)
/* A piece of a snapshot: so long a commit waits behind one. */
#define CL_DISKLOG_PIECE_BYTES_MAX CL_MIB
/* Commits, and pieces of old snapshots, that one step of tidying removes. */
#define CL_DISKLOG_TIDY_COMMITS 256
#define CL_DISKLOG_TIDY_PIECES  16
/* What SQLite reads and writes at once: each commit writes one page at least, and a large one is
 * dearer in smaller pages. A number alone: it goes into a statement. */
#define CL_DISKLOG_PAGE_BYTES 16384
/* Pages beside the tables from which on they are moved into them: a quarter of what the tables
 * have, within these bounds (128 KiB, 16 MiB). So long a commit waits behind that, and so much a
 * start reads twice. */
#define CL_DISKLOG_WAL_PAGES_MIN 8
#define CL_DISKLOG_WAL_PAGES     1024
/* A relay's log, in bytes of commands, that makes a snapshot due; later, as much as the last
 * snapshot takes, if that is more. So much is read one command at a time at a start. */
#define CL_SNAPSHOT_LOG_BYTES (64 * CL_MIB)
/* Pages that one step of a backup copies. */
#define CL_DISKLOG_BACKUP_PAGES 64

/* -- blobs --------------------------------------------------------------------------------- */

/* What a read gives at once, how blobs lie in memory, and in what steps an upload is kept. */
#define CL_BLOB_CHUNK_BYTES (256 * CL_KIB)
/* One blob, and all of them in memory or in a folder; more is CL_ERR_TOO_LARGE or CL_ERR_FULL.
 * Options change them. */
#define CL_BLOB_BYTES_MAX         (64 * CL_MIB)
#define CL_BLOBS_MEMORY_BYTES_MAX (256 * CL_MIB)
#define CL_BLOBS_FOLDER_BYTES_MAX (4096LL * CL_MIB)
/* Long messages of v1 that agents of v2 were shown as blobs, all together; past it those shown
 * longest ago go, until they are shown again. */
#define CL_BLOB_VIEWS_BYTES_MAX (64 * CL_MIB)
/* Contents of blobs that an agent of v1 is shown in one batch; past it, their names. */
#define CL_BLOB_SHOWN_BYTES_MAX (2 * CL_MIB)
/* What a blob is charged at least: what its file or its entry takes. */
#define CL_BLOB_CHARGE_MIN 4096
/* Where there is no room, uploads that nobody has gone on with for so long give way, the longest
 * untouched first. */
#define CL_BLOB_UPLOAD_IDLE_MS 60000
/* An upload that nobody goes on with is dropped after this time; a blob that no message names,
 * after that: so long its sender has for the send. Looked after so often. */
#define CL_BLOB_UPLOAD_LIFE_MS  (24LL * 3600 * 1000)
#define CL_BLOB_UNNAMED_LIFE_MS (3600LL * 1000)
#define CL_BLOB_SWEEP_MS        60000

/* -- the session --------------------------------------------------------------------------- */

/* What one connection may hold unacknowledged: the first that is reached, but one always. */
#define CL_CREDIT_MESSAGES 64
#define CL_CREDIT_BYTES    CL_MIB
/* A relay that pushes so many messages in one turn of the loop is busy for so long. Then it asks a
 * listener for a proof only when so many messages or bytes were pushed to it since the last time,
 * when more waits for it than its credit allows, or when so much time has passed. */
#define CL_PROOF_BUSY_MESSAGES 256
#define CL_PROOF_MESSAGES      (CL_CREDIT_MESSAGES / 4 * 3)
#define CL_PROOF_BYTES         (CL_CREDIT_BYTES / 4)
#define CL_PROOF_DELAY_MS      100
/* Bytes of bodies up to which the frames of a broadcast's batch are written once for all who take
 * the same one. More waits by reference to the bodies anyway. */
#define CL_SHARED_BYTES_MAX (64 * CL_KIB)
/* One poll's answer (clawlink-v1.md, GET /poll/<agent_id>). */
#define CL_POLL_MESSAGES_MAX 1000
#define CL_POLL_BYTES_MAX    CL_MIB
/* A written poll answer that nothing proved taken is released after this time. */
#define CL_POLL_LEASE_MS 5000
/* `discover` lists agents that were heard of less than this ago. */
#define CL_AGENT_FRESH_MS 120000
/* The longest that a poll may wait for its first message. */
#define CL_POLL_WAIT_MAX_S 60

/* Messages that only pass through memory (core/session.h): so many wait for one agent, and with
 * their texts and CL_MESSAGE_COST_BYTES each they take so much, for one agent and for all; more is
 * CL_ERR_INBOX_FULL or CL_ERR_FULL. Half of what waits for one agent is one sender's at the most;
 * more is CL_ERR_FAIR_SHARE. */
#define CL_PASS_MESSAGES_MAX  1000
#define CL_PASS_BYTES_MAX     (4 * CL_MIB)
#define CL_PASS_ALL_BYTES_MAX (64 * CL_MIB)
/* One that nobody has taken, or proven, ends after this time: its sender waits for that. */
#define CL_PASS_LIFE_MS 60000
/* A registered agent without a connection is there for so long after it was last heard of: it
 * polls. */
#define CL_PASS_ABSENT_MS 60000

/* -- protocol v2 --------------------------------------------------------------------------- */

/* A name of an instance, an agent or a capability; a longer one is malformed. */
#define CL_NAME_BYTES_MAX 64
/* The largest whole number of the protocol: beyond 2^53 - 1 JavaScript rounds (RFC 7493 section
 * 2.2); a larger one is malformed. */
#define CL_V2_NUMBER_MAX UINT64_C(9007199254740991)
/* A string in a list of them, such as an address of v1 with its largest id; a longer one is
 * malformed. */
#define CL_V2_STRING_BYTES_MAX (CL_ID_BYTES_MAX + 3)
/* The value of a request's `id`, as it was written; a longer one is malformed. */
#define CL_V2_ID_BYTES_MAX 128
/* The header of an envelope, as JSON; a larger one is malformed. */
#define CL_ENVELOPE_HEADER_BYTES_MAX (2 * CL_KIB)
/* What one envelope carries; a larger body is a blob, and without that CL_ERR_TOO_LARGE. */
#define CL_ENVELOPE_BODY_BYTES_MAX (32 * CL_KIB)
/* From `iat` to `exp`, in seconds; more is malformed. */
#define CL_ENVELOPE_LIFE_S_MAX (7 * 24 * 3600)
/* So far a sender's clock may be ahead of the relay's. */
#define CL_ENVELOPE_AHEAD_S_MAX 120
/* Media type of an envelope; longer is malformed. */
#define CL_CTY_BYTES_MAX 128
/* What an agent says about itself: its display name, a description, capabilities, an object of its
 * own; more is malformed. */
#define CL_V2_DISPLAY_BYTES_MAX     128
#define CL_V2_DESCRIPTION_BYTES_MAX 1024
#define CL_V2_CAPABILITIES_MAX      64
#define CL_V2_METADATA_BYTES_MAX    (4 * CL_KIB)
/* Of so many new agents within a second each connection of v2 is told: where ten thousand come back
 * to a relay that forgot them, telling each of each other would keep both ends busy for minutes. Of
 * the others nobody is told; `agents` lists them. */
#define CL_V2_JOINED_PER_SECOND 100
/* Agents that one connection has as guests, which no registration bounds; one more is refused
 * (`too_many`). */
#define CL_V2_GUESTS_MAX 64
/* Versions that a hello may name; more is malformed. */
#define CL_V2_VERSIONS_MAX 16
/* Agents, dead letters or messages in one answer; the next call goes on behind it. */
#define CL_V2_PAGE_MAX 1000
/* A name of a batch that `receive` gave out; longer is malformed. */
#define CL_V2_LEASE_BYTES_MAX 64
/* Calls of `receive` that wait on one connection; one more is CL_ERR_TOO_MANY. */
#define CL_V2_WAITING_MAX 64
/* A batch of `receive` that was neither acknowledged nor released is offered again. */
#define CL_V2_LEASE_MS 60000

/* -- Agent Link ---------------------------------------------------------------------------- */

/* Its port, where nothing else is said (agent-link-v1.md). */
#define CL_AL_PORT 8765
/* One frame: the published client closes at a larger one. Its sender is told CL_ERR_TOO_LARGE. */
#define CL_AL_FRAME_BYTES_MAX CL_MIB
/* A client's clock and the relay's may differ by so much, either way; then it is refused. */
#define CL_AL_CLOCK_S 30
/* Between two tries of a client whose file does not say, and the most that a file may say. */
#define CL_AL_RECONNECT_MS     5000
#define CL_AL_RECONNECT_MS_MAX (3600 * 1000)
/* A configuration file; a larger one is none. */
#define CL_AL_CONFIG_BYTES_MAX CL_MIB
/* Instances of one file, and agents that one of them lists; more is CL_ERR_TOO_LARGE. */
#define CL_AL_INSTANCES_MAX 1000
#define CL_AL_AGENTS_MAX    256
/* A public key, as text: one of RSA with 4096 bits in PEM has 800. And the address of a relay.
 * Longer is malformed. */
#define CL_AL_KEY_BYTES_MAX (4 * CL_KIB)
#define CL_AL_URL_BYTES_MAX (2 * CL_KIB)

/* -- the relay's side of Agent Link --------------------------------------------------------- */

/* One frame of a client: its text escaped may be three times as long as in the frame it becomes.
 * And before it has registered, for which it has so much time. A longer one ends the connection. */
#define CL_AL_INCOMING_BYTES_MAX (3 * CL_MIB)
#define CL_AL_REGISTER_BYTES_MAX (8 * CL_KIB)
#define CL_AL_REGISTER_MS        5000
/* Searches for the time of a register, in full, that one network may ask for in a second, and all
 * of them; of those that were not used up so many seconds' worth is there at once. Past it
 * connections are closed (1013) and nothing is looked at. */
#define CL_AL_SEARCHES_PER_ADDRESS 5
#define CL_AL_SEARCHES_IN_ALL      50
#define CL_AL_BURST_S              2
/* Past these only an instance's own offset is looked at, out of a second budget like that for all;
 * there each code counts so much for the network. */
#define CL_AL_PINNED_WEIGHT 5
/* Networks whose searches are counted; with more, those that asked for least are forgotten. */
#define CL_AL_NETWORKS_MAX 4096
/* A good register is refused when it comes again: it is remembered for as long as some clock on
 * earth may show its time. With CL_ONCE_MAX of them only clocks that are as they were get in. */
#define CL_AL_SEEN_MS (27LL * 3600 * 1000)
/* Of one instance so many at the most, and then one more every CL_AL_SEEN_MS / CL_AL_SEEN_SHARE, so
 * that its clients, or whoever has its secret, leave room for others. */
#define CL_AL_SEEN_SHARE 2048
/* Whoever has registered from an address may send over HTTP from there, for so long; so many pairs
 * of them are kept, with more those that end first are forgotten. */
#define CL_AL_PROVEN_MS  (24LL * 3600 * 1000)
#define CL_AL_PROVEN_MAX 4096
/* Sends of such a time, in all and of one instance, whose signature is not good again over HTTP;
 * behind them nobody, or that instance, sends there without a token. */
#define CL_AL_SENDS_MAX   65536
#define CL_AL_SENDS_SHARE 8192
/* Connections of one instance; one more is closed (1013). */
#define CL_AL_CONNS_MAX 64
/* Messages of one connection whose end it was not told of; one more is CL_ERR_TOO_MANY. */
#define CL_AL_PASSES_MAX 1024
/* And what one instance may have on its way, counted as an inbox counts it; past it, likewise. So
 * that it takes several to fill CL_PASS_ALL_BYTES_MAX. */
#define CL_AL_PASS_BYTES_MAX (16 * CL_MIB)
/* A connection that has not answered the ping behind a message after so long is cut, however much
 * it says: what it was pushed would be kept for ever. Looked at with each beat, below. */
#define CL_AL_PROOF_MS 120000
/* The agents of a connected instance are heard of so often; clients say nothing by themselves. */
#define CL_AL_BEAT_MS 30000

/* -- senders ------------------------------------------------------------------------------- */

/* The most that --rate and its burst may say. */
#define CL_RATE_MAX 1000000
/* Senders whose bucket is not full; with more the fullest are forgotten. */
#define CL_RATE_SENDERS_MAX 8192

/* -- the admin door ------------------------------------------------------------------------ */

/* Its connections; more displace one another as in the gate's reserve. */
#define CL_RELAY_ADMIN_CONNECTIONS_MAX 16
/* Inboxes that the status names. */
#define CL_STATUS_FULLEST_MAX 5

/* -- the relay's clock --------------------------------------------------------------------- */

/* When wall and monotonic clock part by more, the relay stamps by the monotonic one. */
#define CL_CLOCK_JUMP_MS 120000

/* -- the command line ---------------------------------------------------------------------- */

/* From connect to the whole answer. A waiting poll adds what it asked to wait. */
#define CL_CLIENT_TIMEOUT_MS 15000
#define CL_CLIENT_CONNECT_MS 5000
/* What stands beside a call is turned so often while that waits. */
#define CL_CLIENT_BESIDE_MS 200
/* Between tries: doubles from the first to the second, with full jitter. */
#define CL_CLIENT_BACKOFF_FIRST_MS 1000
#define CL_CLIENT_BACKOFF_LAST_MS  30000
/* Seconds for which a relay can ask not to be called again (Retry-After): a longer pause is cut to
 * that, so that a mistake of its clock silences nobody for long. */
#define CL_CLIENT_ASKED_PAUSE_S 300
/* One text of v2 that an uplink takes: an answer has 1 MiB of messages, or a larger one, and what
 * is around them. A longer one breaks the connection. */
#define CL_UPLINK_TEXT_BYTES_MAX (4 * CL_MIB)
/* Calls of v2 that wait to be written on an uplink, all of which its user keeps anyway; what is
 * beyond it is written when calls before it were answered. */
#define CL_UPLINK_OUT_BYTES_MAX (64 * CL_MIB)
/* Of one client of libclawlink: calls that wait for their answers, and their bytes; one more is
 * CL_ERR_FULL. */
#define CL_API_CALLS_MAX       65536
#define CL_API_CALLS_BYTES_MAX (64 * CL_MIB)
/* Events that its program has not taken; with more, its connection is not read from. */
#define CL_API_EVENTS_BYTES_MAX (64 * CL_MIB)
/* Messages of one agent that are known to be settled, so that none is given twice; with more, the
 * one that was settled first is forgotten. */
#define CL_API_SETTLED_MAX 8192
/* Messages that one call acknowledges: as many as it may have ranges. */
#define CL_API_SETTLE_MAX CL_ACK_RANGES_MAX
/* After there was no memory to tell what was settled, or the relay could not take it. */
#define CL_API_RETRY_MS 100
/* A relay that ignores `wait` is asked no more often by `poll --follow`. */
#define CL_CLIENT_POLL_PAUSE_MS 1000
/* Answers that one `poll` without --follow takes; a relay that always has more could hold it for
 * ever. What is left waits for the next. */
#define CL_CLI_POLL_ANSWERS_MAX 256
/* A column of a table in a file or a pipe is no wider; a longer cell is whole and moves the rest of
 * its row, so that one long name does not blow up all rows. */
#define CL_CLI_COLUMN_MAX 200
/* One result as it is shown: an answer of the relay whose every byte were an escape. */
#define CL_CLI_PAGE_BYTES_MAX (8 * CL_HTTP_ANSWER_BYTES_MAX)
/* What reading one answer of protocol v2 takes besides its text: 1000 messages, decoded. An answer
 * that needs more is refused. */
#define CL_CLI_ANSWER_ARENA_BYTES_MAX (CL_JSON_SCAN_ARENA_BYTES_MAX + CL_HTTP_ANSWER_BYTES_MAX)
/* Answers that one list may come in: 64 GiB of messages. A relay that always knows of more is
 * called a liar. */
#define CL_CLI_WALK_ANSWERS_MAX 65536
/* `ask` and `watch` look through the own inbox so often, for what nobody pushes to them. */
#define CL_CLI_LOOK_MS 1000
/* `watch` asks so often who is there. */
#define CL_CLI_AGENTS_MS 5000
/* Messages that `watch` takes at a time when more than one is new. */
#define CL_CLI_WATCH_PAGE 32
/* Agents whose coming and going `watch` tells; of more it tells nothing. */
#define CL_CLI_WATCH_AGENTS_MAX 10000
/* A message that `send` takes; what is larger fits neither into memory at ease nor into a relay. */
#define CL_CLI_BODY_BYTES_MAX (256 * CL_MIB)
/* Of a blob in one request: whole chunks of those that a relay keeps. */
#define CL_CLIENT_PIECE_BYTES (3 * CL_BLOB_CHUNK_BYTES)
/* After a message has failed `ask` waits so long for an answer that says more about it. */
#define CL_CLI_LAST_WORDS_MS 2000
/* How long `send` tries, and `ask` waits, if --timeout says nothing; in seconds. */
#define CL_CLI_SEND_TIMEOUT_S 60
#define CL_CLI_ASK_TIMEOUT_S  300
/* An agent's state file; a larger one is none of ours. */
#define CL_CLI_STATE_BYTES_MAX (64 * CL_KIB)
/* A path of the state file, with its NUL. */
#define CL_CLI_PATH_CAP 4096
/* Agents that an ambiguous name lists, or the error of one that has not registered. */
#define CL_CLI_CANDIDATES_MAX 4

#endif
