package group

import "context"

// A Stored group is what survives of one: opaque data with its generation.
type Stored struct {
	Name       string
	Generation int32
	// Empty says that the group has no members.
	Empty bool
	Data  []byte
}

// Store keeps groups. When Put has returned, the group is durable.
type Store interface {
	// Put stores a group.
	Put(ctx context.Context, s Stored) error
	// Delete forgets a group and its offsets.
	Delete(ctx context.Context, name string) error
	// Find finds a group that was put or has offsets.
	Find(name string) (Stored, bool)
	// All lists those groups, by name.
	All() []Stored
}
