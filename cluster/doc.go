// Package cluster keeps partitions by name: it replicates, orders and stores what package log writes to files.
//
// # Groups
//
// A [Node] runs raft groups (hashicorp/raft). All groups of a node share one write-ahead log, package wal: one
// write and one fdatasync for whatever waits. A node that runs alone is the only voter of each (transport.go); with an
// address for others its groups' messages travel over package mesh (wire.go).
//
//	        Update                      Append, CommitStep, Trim
//	          │                                   │
//	          ▼                                   ▼
//	   ┌─────────────┐                  pump: packs what waits
//	   │control group│                            │
//	   └──────┬──────┘                            ▼
//	          │                       ┌───────┐ ┌───────┐
//	          │                       │shard 0│ │shard 1│ …      raft groups
//	          │                       └───┬───┘ └───┬───┘
//	          ├───────── entries ─────────┴─────────┤
//	          ▼                                     ▼
//	control.db (bbolt):                  shards/N/PARTITION/*.log:
//	documents, topics, placement         record batches (package log)
//
//	wal/*.seg: the entries of all groups        snapshots/GROUP: manifests
//
// The control group holds topics, the placement of their partitions, and documents for the layers above: opaque bytes
// under names. A change to any of them is one entry and makes one version.
//
// A shard owns partitions. It is the unit of replication, order and atomicity: one entry may append to many
// partitions of its shard. Its state machine assigns offsets when an entry is applied, so raft's own entries take
// none, and it writes the batches to the partitions' files without syncing them: until the next snapshot the
// write-ahead log has them. A snapshot makes the files durable and then writes a manifest of how long they are. A
// start cuts the files to the manifest and replays what the write-ahead log has since.
//
// # Nodes
//
// The nodes of a cluster are documents of the control group (member.go). Whoever leads it brings the servers of all
// groups in line with them (membership.go): every node follows, three vote, and one that is drained or removed makes
// room for another. A snapshot that goes to another node is followed by the files it names (ship.go); the receiver
// checks every batch.
//
// What nodes write has a level (level.go), one that the binaries of all members know. Nothing that a later one has
// brought is written before the cluster is there, so versions may be mixed, and a node may go back until then.
//
// One node leads the control group and the home shards, which have everything that has to be in one entry; only then,
// for a [Node.Lead], it leads the cluster (reign.go). The leader of the control group asks the others for their home
// groups. That a leader's process has ended is noticed by its connection (detect.go), a silent one by heartbeats.
//
// The other shards are spread: any voter may lead one, whoever leads the cluster, and they take turns (spread.go). What
// the cluster's leader wants of such a shard is passed on to the node that leads it (propose.go), and so is what that
// one wants of a coordinator. Topics are in them that were made with leat.placement=spread.
//
// Reads are of what is applied here, after [Node.Confirm] has made sure that no other node can have led the cluster
// meanwhile, and that the replicas here have what the leaders of the spread shards had (confirm.go). The other voters
// are asked for that, once for all groups (canvass.go). What such an answer says to be committed, or that of what was
// passed on, the replica here is told at once (learn.go).
//
// # Producers, transactions, groups
//
// A partition knows its idempotent producers: the epoch and the last five batches of each (sequence.go). Whether a
// batch is new, a duplicate, out of order or fenced is decided where it is applied and nowhere before, so that two
// retries, or a retry to another leader, meet one order.
//
// A transactional id is coordinated by the shard that its name hashes to (coordinator.go), and a group's offsets
// live in the shard that the group's name hashes to (groups.go). AddToTxn tells the coordinator, and the shards of
// the partitions and groups; records and offsets of a transaction are accepted where its number is known to be open.
// EndTxn is one entry of the coordinator's shard, when all parts are there: markers are appended, offsets published.
// When there are parts in other shards the transaction is prepared, those get an entry each, and one more ends those
// of the coordinator's shard and completes it; a node that finds a prepared transaction goes on with it, and every step
// may be done again. Transactions are numbered, so nothing that comes late can touch the next one.
//
// The last stable offset is where the oldest open transaction has its first record. [Node.Ends] gives those of one
// moment, in which a transaction has ended in all shards or in none (ends.go), so whoever plans reads by them sees
// decided records only; [Node.Aborted] and [Skip] say what to pass over.
//
// A flow is a writer of which there may be one at a time: a dataflow of the engine. [Node.ClaimFlow] gives it a new
// epoch; [Node.CommitStep] commits a step when the epoch is still the newest and the step is the next one. Which shard
// is a flow's home follows from its number.
//
// # Entries
//
// A shard's entry is a format byte, the proposer's time in milliseconds and operations, numbers little-endian:
//
//	+----------+----------+-----------------------------------------+-----
//	| format=2 | time i64 | kind u8 | bytes that follow u32 | body … | …
//	+----------+----------+-----------------------------------------+-----
//
//	kind 1 append   n × { partition u64, length u32, batches }
//	kind 2 step     flow u64, epoch u64, seq u64, n × { partition u64, length u32, batches }
//	kind 3 claim    flow u64
//	kind 4 trim     start i64, partition u64
//	kind 5 create   n × partition u64
//	kind 6 drop     n × partition u64
//	kind 16 guarded guards u32 × { partition u64, since i64, still u8 }, n × { partition u64, length u32, batches }
//	kind 32…        a command in JSON: InitProducer and AddToTxn (32, 33), parts in another shard begin (34),
//	                EndTxn (35), parts end (36), all have ended (37), offsets (38), a group is stored and forgotten
//	                (39, 40), expiry (41), compaction (42)
//
// The time of an entry counts as the latest time so far when the clock went back.
//
// The control group's entries are a [Change] in JSON.
//
// # Invariants
//
//  1. What a call acknowledged is durable in the write-ahead log and applied: a read that begins after it sees it.
//  2. An operation is applied whole or not at all. Which of the two depends on the entries before it alone: no clock,
//     no map order, no setting of this node. Time-dependent values come in the entry.
//  3. Entry bytes are shared with raft and the write-ahead log, and never changed: package log copies what it stamps.
//  4. A committed entry is never skipped. When the disk has no room to apply it, applying waits; when the disk fails,
//     the state machine stops, and with it the node ([Node.Err]).
//  5. Nothing below a partition's length in the last manifest is rewritten, and replaying from a manifest leaves the
//     same bytes at the same offsets.
//  6. Files of a dropped partition go only when a snapshot without it is durable.
//  7. Appends are refused while less than the reserve is free, before anything is proposed; so 4 seldom has to wait.
//  8. Topic, partition and producer numbers are never used twice.
//  9. A transaction's records and offsets are visible all or none, also after a crash: its end is one entry, or it is
//     prepared first.
//  10. Compaction and retention take nothing that a reader holds ([Node.Hold]), and compaction nothing undecided.
//  11. What a reign proposes, it proposes in its own terms: when they have passed, another node may have led.
//  12. A binary applies, restores and opens nothing of a level that it does not know: it stops, or refuses, before.
//  13. A node that cannot apply or store stops its replicas of all groups. It votes no more, and the others go on.
package cluster
