package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/leatdb/leat/log"
)

// Code is an error as Kafka's clients know it. It is also a Go error, which the log wraps to say what clients are to be
// told.
type Code int16

// The codes that the door gives, with Kafka's names and numbers.
const (
	None                        Code = 0
	UnknownServerError          Code = -1
	OffsetOutOfRange            Code = 1
	CorruptMessage              Code = 2
	UnknownTopicOrPartition     Code = 3
	LeaderNotAvailable          Code = 5
	NotLeaderOrFollower         Code = 6
	RequestTimedOut             Code = 7
	MessageTooLarge             Code = 10
	InvalidTopic                Code = 17
	RecordListTooLarge          Code = 18
	InvalidRequiredAcks         Code = 21
	UnsupportedVersion          Code = 35
	TopicAlreadyExists          Code = 36
	InvalidPartitions           Code = 37
	InvalidReplicationFactor    Code = 38
	InvalidReplicaAssignment    Code = 39
	InvalidConfig               Code = 40
	InvalidRequest              Code = 42
	UnsupportedForMessageFormat Code = 43
	PolicyViolation             Code = 44
	KafkaStorageError           Code = 56
	FetchSessionIDNotFound      Code = 70
	FencedLeaderEpoch           Code = 74
	UnknownLeaderEpoch          Code = 75
	UnsupportedCompressionType  Code = 76
	InvalidRecord               Code = 87
	UnknownTopicID              Code = 100
)

var codeNames = map[Code]string{
	None:                        "NONE",
	UnknownServerError:          "UNKNOWN_SERVER_ERROR",
	OffsetOutOfRange:            "OFFSET_OUT_OF_RANGE",
	CorruptMessage:              "CORRUPT_MESSAGE",
	UnknownTopicOrPartition:     "UNKNOWN_TOPIC_OR_PARTITION",
	LeaderNotAvailable:          "LEADER_NOT_AVAILABLE",
	NotLeaderOrFollower:         "NOT_LEADER_OR_FOLLOWER",
	RequestTimedOut:             "REQUEST_TIMED_OUT",
	MessageTooLarge:             "MESSAGE_TOO_LARGE",
	InvalidTopic:                "INVALID_TOPIC_EXCEPTION",
	RecordListTooLarge:          "RECORD_LIST_TOO_LARGE",
	InvalidRequiredAcks:         "INVALID_REQUIRED_ACKS",
	UnsupportedVersion:          "UNSUPPORTED_VERSION",
	TopicAlreadyExists:          "TOPIC_ALREADY_EXISTS",
	InvalidPartitions:           "INVALID_PARTITIONS",
	InvalidReplicationFactor:    "INVALID_REPLICATION_FACTOR",
	InvalidReplicaAssignment:    "INVALID_REPLICA_ASSIGNMENT",
	InvalidConfig:               "INVALID_CONFIG",
	InvalidRequest:              "INVALID_REQUEST",
	UnsupportedForMessageFormat: "UNSUPPORTED_FOR_MESSAGE_FORMAT",
	PolicyViolation:             "POLICY_VIOLATION",
	KafkaStorageError:           "KAFKA_STORAGE_ERROR",
	FetchSessionIDNotFound:      "FETCH_SESSION_ID_NOT_FOUND",
	FencedLeaderEpoch:           "FENCED_LEADER_EPOCH",
	UnknownLeaderEpoch:          "UNKNOWN_LEADER_EPOCH",
	UnsupportedCompressionType:  "UNSUPPORTED_COMPRESSION_TYPE",
	InvalidRecord:               "INVALID_RECORD",
	UnknownTopicID:              "UNKNOWN_TOPIC_ID",
}

// Error implements error: Kafka's name of the code.
func (c Code) Error() string {
	if name, ok := codeNames[c]; ok {
		return name
	}
	return fmt.Sprintf("error code %d", int16(c))
}

// codeOf says what clients are told of an error.
func codeOf(err error) Code {
	var c Code
	switch {
	case err == nil:
		return None
	case errors.As(err, &c):
		return c
	case errors.Is(err, log.ErrOffsetOutOfRange):
		return OffsetOutOfRange
	case errors.Is(err, log.ErrMagic):
		return UnsupportedForMessageFormat
	case errors.Is(err, log.ErrCorrupt), errors.Is(err, log.ErrShort):
		return CorruptMessage
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return RequestTimedOut
	}
	return UnknownServerError
}

// codeAndText is codeOf, and the error's text for a response that has room for it: nil without an error.
func codeAndText(err error) (int16, *string) {
	if err == nil {
		return 0, nil
	}
	text := err.Error()
	return int16(codeOf(err)), &text
}
