// Package kafkadiff is a test: it plays one script of Kafka requests to Leat and to Apache Kafka and compares what a
// client observes: results, error codes, offsets, order. Run it with make test-clients.
package kafkadiff
