// Package kafka is the Kafka door: clients of Apache Kafka produce to topics and consume from them as if Leat were one.
//
// The door translates and calls; what is stored it leaves to a log that log.go describes. Batches go through as the
// producer made them: a produce request's bytes are appended as they came, and a fetch sends what the log has.
//
//	socket ──▶ reader ──────────▶ queue ──────────▶ worker ──▶ socket
//	           frame → request              request → response
//	           appends of Produce           everything else
//	           begin here
//
// A connection has two goroutines. The reader takes frames apart, and begins the appends of a Produce at once when only
// others of its kind are ahead of it, so that a client's pipelined batches are committed together. The worker
// answers one request after the other, in the order in which they came, as Kafka does.
//
// Each API has a file named by its key, which opens with the versions that are served and what they do. apis.go lists
// them. What a client is told of errors is a code.Code; errors of the log carry one, or become one in errors.go.
package kafka
