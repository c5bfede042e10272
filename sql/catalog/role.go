package catalog

import (
	"encoding/json"
	"slices"
	"sort"
	"strings"

	"github.com/leatdb/leat/sql/scram"
	"github.com/leatdb/leat/sql/sqlerr"
)

// Names of roles that are there without a statement.
const (
	// Bootstrap is the superuser that every database has. What nobody else owns is its.
	Bootstrap = "leat"
	// Everybody is the role whose grants count for every other: PUBLIC.
	Everybody = "public"
)

// Role is a user, or a group of users.
type Role struct {
	Name      string
	Login     bool
	Superuser bool
	// Verifiers are what is kept of the password, as package scram writes them: of SHA-256, of SHA-512, or both. None is
	// no password.
	Verifiers []string
	MemberOf  []string // roles whose privileges it has
	Grants    []Grant
	Created   int64 // microseconds since 1970-01-01 UTC
}

// Grant is what a role may do with an object.
type Grant struct {
	On     ObjectKind
	ID     uint32 // of a relation
	Name   string // of anything else; "*" is all of the kind
	Prefix bool   // Name is what names begin with
	Can    Privilege
	Pass   Privilege // what of it the role may grant to others
}

// ObjectKind says what a grant is on.
type ObjectKind string

// The kinds of objects. Those but relations and schemas are Kafka's.
const (
	OnRelation ObjectKind = "relation"
	OnSchema   ObjectKind = "schema"
	OnTopic    ObjectKind = "topic"
	OnGroup    ObjectKind = "group"
	OnCluster  ObjectKind = "cluster"
	OnTxn      ObjectKind = "transactional_id"
)

// Privilege is a set of things that may be done.
type Privilege uint32

// SQL's privileges, and behind them Kafka's operations.
const (
	MaySelect Privilege = 1 << iota
	MayInsert
	MayUpdate
	MayDelete
	MayTruncate
	MayUse
	MayCreate
	TopicRead
	TopicWrite
	TopicCreate
	TopicDelete
	TopicAlter
	TopicDescribe
	ClusterAction
	DescribeConfigs
	AlterConfigs
	IdempotentWrite
	MayRefer
)

// The privileges that ALL stands for.
const (
	AllOnRelation = MaySelect | MayInsert | MayUpdate | MayDelete | MayTruncate
	AllOnSequence = MaySelect | MayUpdate | MayUse
	AllOnSchema   = MayUse | MayCreate
	AllOfKafka    = TopicRead | TopicWrite | TopicCreate | TopicDelete | TopicAlter | TopicDescribe | ClusterAction |
		DescribeConfigs | AlterConfigs | IdempotentWrite
)

// privilegeNames are the names of privileges in documents and in SQL. They are never changed.
var privilegeNames = []struct {
	can  Privilege
	name string
}{{MaySelect, "SELECT"}, {MayInsert, "INSERT"}, {MayUpdate, "UPDATE"}, {MayDelete, "DELETE"}, {MayTruncate, "TRUNCATE"},
	{MayUse, "USAGE"}, {MayCreate, "CREATE"}, {TopicRead, "READ"}, {TopicWrite, "WRITE"}, {TopicCreate, "CREATE_TOPIC"},
	{TopicDelete, "DELETE_TOPIC"}, {TopicAlter, "ALTER"}, {TopicDescribe, "DESCRIBE"},
	{ClusterAction, "CLUSTER_ACTION"}, {DescribeConfigs, "DESCRIBE_CONFIGS"}, {AlterConfigs, "ALTER_CONFIGS"},
	{IdempotentWrite, "IDEMPOTENT_WRITE"}}

// Names lists the privileges of a set.
func (p Privilege) Names() []string {
	var out []string
	for _, n := range privilegeNames {
		if p&n.can != 0 {
			out = append(out, n.name)
		}
	}
	return out
}

// PrivilegeByName finds a privilege.
func PrivilegeByName(name string) (Privilege, bool) {
	for _, n := range privilegeNames {
		if n.name == name {
			return n.can, true
		}
	}
	return 0, false
}

// Allows returns the privileges and the passes that a role's own grants give on an object, without those of a prefix.
func (r *Role) Allows(g Grant) (can, pass Privilege) {
	for _, had := range r.Grants {
		if had.same(g) {
			return had.Can, had.Pass
		}
	}
	return 0, 0
}

func (g Grant) same(h Grant) bool {
	return g.On == h.On && g.ID == h.ID && g.Name == h.Name && g.Prefix == h.Prefix
}

// With returns the role with a grant added.
func (r *Role) With(g Grant) *Role {
	can, pass := r.Allows(g)
	g.Can, g.Pass = g.Can|can, g.Pass|pass
	return r.set(g)
}

// Without returns the role without what a grant gives. With passOnly it keeps the privileges and may no longer pass
// them on.
func (r *Role) Without(g Grant, passOnly bool) *Role {
	can, pass := r.Allows(g)
	left := g
	left.Can, left.Pass = can, pass&^(g.Can|g.Pass)
	if !passOnly {
		left.Can &^= g.Can
	}
	return r.set(left)
}

func (r *Role) set(g Grant) *Role {
	out := *r
	out.Grants = slices.DeleteFunc(slices.Clone(r.Grants), g.same)
	if g.Can != 0 {
		out.Grants = append(out.Grants, g)
	}
	return &out
}

// Verifiers makes of a password what is kept of it: nothing of an empty one. One that is a verifier already is kept as
// it is, as in PostgreSQL.
func Verifiers(password string) ([]string, error) {
	if password == "" {
		return nil, nil
	}
	if _, err := scram.Parse(password); err == nil {
		return []string{password}, nil
	}
	if hex, ok := strings.CutPrefix(password, "md5"); ok && len(hex) == 32 && strings.Trim(hex, "0123456789abcdef") == "" {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "MD5 passwords are not supported").
			WithHint("Give the password itself, or a verifier of SCRAM-SHA-256.")
	}
	return []string{scram.New(scram.SHA256, password).String(), scram.New(scram.SHA512, password).String()}, nil
}

// Verifier finds the verifier of a mechanism.
func (r *Role) Verifier(m scram.Mechanism) (scram.Verifier, bool) {
	for _, text := range r.Verifiers {
		if v, err := scram.Parse(text); err == nil && v.Mechanism == m {
			return v, true
		}
	}
	return scram.Verifier{}, false
}

// Check reports whether a password is the role's.
func (r *Role) Check(password string) bool {
	for _, text := range r.Verifiers {
		if v, err := scram.Parse(text); err == nil {
			return v.Check(password)
		}
	}
	return false
}

type roleDocument struct {
	Version   int             `json:"v"`
	Name      string          `json:"name"`
	Login     bool            `json:"login,omitempty"`
	Superuser bool            `json:"superuser,omitempty"`
	Verifiers []string        `json:"verifiers,omitempty"`
	MemberOf  []string        `json:"member_of,omitempty"`
	Grants    []grantDocument `json:"grants,omitempty"`
	Created   int64           `json:"created,omitempty"`
}

type grantDocument struct {
	On     ObjectKind `json:"on"`
	ID     uint32     `json:"id,omitempty"`
	Name   string     `json:"name,omitempty"`
	Prefix bool       `json:"prefix,omitempty"`
	Can    []string   `json:"can"`
	Pass   []string   `json:"pass,omitempty"`
}

// EncodeRole returns r as the JSON document that the control group keeps.
func EncodeRole(r *Role) ([]byte, error) {
	d := roleDocument{Version: documentVersion, Name: r.Name, Login: r.Login, Superuser: r.Superuser,
		Verifiers: r.Verifiers, MemberOf: r.MemberOf, Created: r.Created}
	for _, g := range r.Grants {
		d.Grants = append(d.Grants, grantDocument{g.On, g.ID, g.Name, g.Prefix, g.Can.Names(), g.Pass.Names()})
	}
	return json.Marshal(d)
}

// DecodeRole returns the role that EncodeRole wrote.
func DecodeRole(src []byte) (*Role, error) {
	var d roleDocument
	if err := json.Unmarshal(src, &d); err != nil {
		return nil, corrupt("role") // the text may have verifiers in it
	}
	if d.Version < 1 || d.Version > documentVersion {
		return nil, corrupt("version %d", d.Version)
	}
	r := &Role{Name: d.Name, Login: d.Login, Superuser: d.Superuser, Verifiers: d.Verifiers, MemberOf: d.MemberOf,
		Created: d.Created}
	for _, g := range d.Grants {
		out := Grant{On: g.On, ID: g.ID, Name: g.Name, Prefix: g.Prefix}
		for _, set := range []struct {
			names []string
			into  *Privilege
		}{{g.Can, &out.Can}, {g.Pass, &out.Pass}} {
			for _, name := range set.names {
				p, ok := PrivilegeByName(name)
				if !ok {
					return nil, corrupt("privilege %q", name)
				}
				*set.into |= p
			}
		}
		r.Grants = append(r.Grants, out)
	}
	return r, nil
}

// WithRoles returns s with roles, which must not change afterwards. Those that every database has are added where they
// are missing.
func (s *Snapshot) WithRoles(roles []*Role) *Snapshot {
	out := *s
	out.roles = map[string]*Role{
		Bootstrap: {Name: Bootstrap, Login: true, Superuser: true},
		Everybody: {Name: Everybody, Grants: []Grant{{On: OnSchema, Name: Public, Can: MayUse}}},
	}
	for _, r := range roles {
		out.roles[r.Name] = r
	}
	return &out
}

// Role returns the role of that name.
func (s *Snapshot) Role(name string) (*Role, bool) {
	r, ok := s.roles[name]
	return r, ok
}

// Roles returns every role in the order of their names, PUBLIC among them.
func (s *Snapshot) Roles() []*Role {
	var out []*Role
	for _, r := range s.roles {
		out = append(out, r)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
