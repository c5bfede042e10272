// Package log keeps one partition: an ordered run of Kafka RecordBatch v2 bytes in segment files.
//
// It owns the bytes of a batch (building, checking, walking) and the files of a partition (appending, reading,
// looking up by offset or time, trimming, compacting, cutting back after a crash). It never learns SQL, and it never
// decides what is committed: the replicated log above does, applies entries here in order, and replays them after a
// crash. README.md draws the formats and lists every crash point with its recovery.
//
// The invariants that the rest of the package cites:
//
//	L1  Offsets strictly increase from batch to batch, and a batch lies wholly inside one segment.
//	L2  Bytes that a reader can reach belong to a complete Append; they never change while they are reachable.
//	L3  What State describes is on disk once a Sync that began after State returned has succeeded.
//	L4  A segment is unlinked only after a durable mark says that the log starts behind it, or after a durable manifest
//	    does not list it.
//	L5  Indexes are caches: the batch that an entry leads to must be the one it names, or the index is made anew.
//	L6  After a failed fsync nothing is written or served any more; the fsync is never retried.
//	L7  What compaction leaves depends on the bytes and on the Compaction alone; it never moves an offset.
package log
