package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/kafka"
	"github.com/leatdb/leat/kafka/code"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/scram"
)

// errCredentials does not say which of the two was wrong.
var errCredentials = errors.New("the user or the password is wrong")

// Anonymous implements kafka.Security: as long as the first superuser needs no password, a client that says nothing is
// it.
func (u users) Anonymous(remote net.Addr) (string, bool) {
	return catalog.Bootstrap, u.Trusts(catalog.Bootstrap, remote)
}

// Begin implements kafka.Security.
func (u users) Begin(mechanism string) kafka.Exchange {
	if mechanism == "PLAIN" {
		return plainExchange{u}
	}
	return &scramExchange{users: u, talk: scram.Conversation{NonceTwice: true,
		Lookup: func(user string) scram.Verifier { return u.verifier(scram.Mechanism(mechanism), user) }}}
}

// admitted checks that a user who has proved himself may log in.
func (u users) admitted(user string) (string, error) {
	if r, ok := u.of.Catalog().Role(user); !ok || !r.Login {
		return "", fmt.Errorf("user %q is not permitted to log in", user)
	}
	return user, nil
}

// plainExchange takes a user and a password as they are (RFC 4616).
type plainExchange struct{ users }

// Step implements kafka.Exchange.
func (p plainExchange) Step(message []byte) ([]byte, string, error) {
	parts := bytes.Split(message, []byte{0})
	if len(parts) != 3 || len(parts[0]) > 0 && !bytes.Equal(parts[0], parts[1]) {
		return nil, "", errors.New("not a message of PLAIN")
	}
	user, password := string(parts[1]), string(parts[2])
	r, ok := p.of.Catalog().Role(user)
	if !ok || r.Verifiers == nil {
		scram.Mock(scram.SHA256, user).Check(password) // it takes as long as with one who is there
		return nil, "", errCredentials
	}
	if !r.Check(password) {
		return nil, "", errCredentials
	}
	name, err := p.admitted(user)
	return nil, name, err
}

// scramExchange is a conversation of SCRAM.
type scramExchange struct {
	users
	talk  scram.Conversation
	begun bool
}

// Step implements kafka.Exchange.
func (s *scramExchange) Step(message []byte) ([]byte, string, error) {
	if !s.begun {
		s.begun = true
		answer, err := s.talk.First(message)
		return answer, "", err
	}
	answer, err := s.talk.Final(message)
	if errors.Is(err, scram.ErrProof) {
		err = errCredentials
	}
	if err != nil {
		return nil, "", err
	}
	name, err := s.admitted(s.talk.User())
	return answer, name, err
}

// kafkaKinds are Kafka's kinds of resources.
var kafkaKinds = map[kmsg.ACLResourceType]catalog.ObjectKind{
	kmsg.ACLResourceTypeTopic: catalog.OnTopic, kmsg.ACLResourceTypeGroup: catalog.OnGroup,
	kmsg.ACLResourceTypeCluster: catalog.OnCluster, kmsg.ACLResourceTypeTransactionalId: catalog.OnTxn,
}

// kafkaOps are Kafka's operations, in order.
var kafkaOps = []struct {
	op  kmsg.ACLOperation
	can catalog.Privilege
}{
	{kmsg.ACLOperationRead, catalog.TopicRead}, {kmsg.ACLOperationWrite, catalog.TopicWrite},
	{kmsg.ACLOperationCreate, catalog.TopicCreate}, {kmsg.ACLOperationDelete, catalog.TopicDelete},
	{kmsg.ACLOperationAlter, catalog.TopicAlter}, {kmsg.ACLOperationDescribe, catalog.TopicDescribe},
	{kmsg.ACLOperationClusterAction, catalog.ClusterAction},
	{kmsg.ACLOperationDescribeConfigs, catalog.DescribeConfigs}, {kmsg.ACLOperationAlterConfigs, catalog.AlterConfigs},
	{kmsg.ACLOperationIdempotentWrite, catalog.IdempotentWrite}, {kmsg.ACLOperationAll, catalog.AllOfKafka},
}

// privilegeFor is the privilege that an operation needs.
func privilegeFor(op kmsg.ACLOperation) (catalog.Privilege, bool) {
	for _, o := range kafkaOps {
		if o.op == op {
			return o.can, true
		}
	}
	return 0, false
}

// operations lists a set of privileges as operations.
func operations(can catalog.Privilege) (out []kmsg.ACLOperation) {
	if can&catalog.AllOfKafka == catalog.AllOfKafka {
		return []kmsg.ACLOperation{kmsg.ACLOperationAll}
	}
	for _, o := range kafkaOps {
		if can&o.can == o.can {
			out = append(out, o.op)
		}
	}
	return out
}

// Allows implements kafka.Security.
func (u users) Allows(user string, op kmsg.ACLOperation, on kmsg.ACLResourceType, name string) bool {
	can, known := privilegeFor(op)
	kind, ok := kafkaKinds[on]
	switch {
	case !known || !ok:
		return false
	case name == kafka.AnyName:
		return u.of.Catalog().CanUseAny(user, kind, can)
	}
	return u.of.Catalog().CanUse(user, kind, name, can)
}

// admins lets Kafka's tools see and change roles.
type admins struct{ engine *engine.Engine }

// ACLs implements kafka.ACLs: the grants that Kafka's tools have made, and what those of SQL are on topics.
func (u admins) ACLs() []kafka.ACL {
	cat := u.engine.Catalog()
	var out []kafka.ACL
	add := func(r *catalog.Role, a kafka.ACL, can catalog.Privilege) {
		a.Principal = principal(r)
		for _, a.Operation = range operations(can) {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	for _, r := range cat.Roles() {
		for _, g := range r.Grants {
			if rel, ok := cat.ByID(g.ID); ok && g.On == catalog.OnRelation && rel.Stored() && !engine.Reserved(rel.Topic) {
				add(r, kafka.ACL{On: kmsg.ACLResourceTypeTopic, Name: rel.Topic}, rel.OfTopic(g.Can))
			}
			for on, kind := range kafkaKinds {
				if g.On == kind {
					add(r, kafka.ACL{On: on, Name: g.Name, Prefixed: g.Prefix}, g.Can)
				}
			}
		}
	}
	return out
}

func principal(r *catalog.Role) string {
	if r.Name == catalog.Everybody {
		return "User:*"
	}
	return "User:" + r.Name
}

// roleOf finds the role of a principal.
func roleOf(cat *catalog.Snapshot, principal string) (*catalog.Role, error) {
	name := strings.TrimPrefix(principal, "User:")
	if name == "*" {
		name = catalog.Everybody
	} else if name == catalog.Everybody {
		name = ""
	}
	r, ok := cat.Role(name)
	if !ok {
		return nil, fmt.Errorf("%w: there is no user %q", code.InvalidRequest, name)
	}
	return r, nil
}

func grantOf(a kafka.ACL) catalog.Grant {
	can, _ := privilegeFor(a.Operation)
	return catalog.Grant{On: kafkaKinds[a.On], Name: a.Name, Prefix: a.Prefixed, Can: can}
}

// CreateACL implements kafka.ACLs.
func (u admins) CreateACL(ctx context.Context, a kafka.ACL) error {
	return controllerError(u.engine.ChangeRoles(ctx, func(cat *catalog.Snapshot) (engine.RoleChange, error) {
		r, err := roleOf(cat, a.Principal)
		if err != nil {
			return engine.RoleChange{}, err
		}
		return engine.RoleChange{Put: []*catalog.Role{r.With(grantOf(a))}}, nil
	}))
}

// DeleteACL implements kafka.ACLs. What SQL has granted on relations over a topic is taken back too.
func (u admins) DeleteACL(ctx context.Context, a kafka.ACL) error {
	return controllerError(u.engine.ChangeRoles(ctx, func(cat *catalog.Snapshot) (engine.RoleChange, error) {
		r, err := roleOf(cat, a.Principal)
		if err != nil {
			return engine.RoleChange{}, err
		}
		g := grantOf(a)
		r = r.Without(g, false)
		if a.On == kmsg.ACLResourceTypeTopic && !a.Prefixed && a.Operation != kmsg.ACLOperationAll {
			for _, rel := range cat.Over(a.Name) {
				var gone catalog.Privilege
				for _, bit := range []catalog.Privilege{catalog.MaySelect, catalog.MayInsert, catalog.MayUpdate,
					catalog.MayDelete} {
					if rel.OfTopic(catalog.AllOnRelation)&g.Can&^rel.OfTopic(catalog.AllOnRelation&^bit) != 0 {
						gone |= bit
					}
				}
				r = r.Without(catalog.Grant{On: catalog.OnRelation, ID: rel.ID, Can: gone}, false)
			}
		}
		return engine.RoleChange{Put: []*catalog.Role{r}}, nil
	}))
}

// scramMechanisms are the mechanisms of SCRAM by Kafka's numbers.
var scramMechanisms = map[kafka.ScramMechanism]scram.Mechanism{
	kafka.ScramSHA256: scram.SHA256, kafka.ScramSHA512: scram.SHA512,
}

// ScramUsers implements kafka.ScramUsers.
func (u admins) ScramUsers() []string {
	var out []string
	for _, r := range u.engine.Catalog().Roles() {
		if r.Verifiers != nil {
			out = append(out, r.Name)
		}
	}
	return out
}

// Credentials implements kafka.ScramUsers.
func (u admins) Credentials(user string) ([]kafka.ScramCredential, bool) {
	r, ok := u.engine.Catalog().Role(user)
	if !ok {
		return nil, false
	}
	var out []kafka.ScramCredential
	for _, m := range []kafka.ScramMechanism{kafka.ScramSHA256, kafka.ScramSHA512} {
		if v, ok := r.Verifier(scramMechanisms[m]); ok {
			out = append(out, kafka.ScramCredential{Mechanism: m, Iterations: int32(v.Iterations)})
		}
	}
	return out, true
}

// SetPassword implements kafka.ScramUsers.
func (u admins) SetPassword(ctx context.Context, by, user string, p kafka.ScramPassword) error {
	m := scramMechanisms[p.Mechanism]
	v := scram.FromSalted(m, p.Salted, p.Salt, int(p.Iterations))
	if _, err := scram.Parse(v.String()); err != nil {
		return fmt.Errorf("%w: %w", code.UnacceptableCredential, err)
	}
	return u.changePassword(ctx, by, user, func(r *catalog.Role) error {
		r.Verifiers = append(withoutMechanism(r.Verifiers, m), v.String())
		return nil
	})
}

// DropPassword implements kafka.ScramUsers.
func (u admins) DropPassword(ctx context.Context, by, user string, m kafka.ScramMechanism) error {
	return u.changePassword(ctx, by, user, func(r *catalog.Role) error {
		if _, ok := r.Verifier(scramMechanisms[m]); !ok {
			return code.ResourceNotFound
		}
		if r.Verifiers = withoutMechanism(r.Verifiers, scramMechanisms[m]); len(r.Verifiers) == 0 {
			r.Verifiers = nil
		}
		return nil
	})
}

func withoutMechanism(verifiers []string, m scram.Mechanism) []string {
	return slices.DeleteFunc(slices.Clone(verifiers), func(text string) bool {
		return strings.HasPrefix(text, string(m)+"$")
	})
}

// changePassword changes what is kept of a user's password. Only superusers change that of a superuser, as in SQL.
func (u admins) changePassword(ctx context.Context, by, user string, change func(*catalog.Role) error) error {
	return controllerError(u.engine.ChangeRoles(ctx, func(cat *catalog.Snapshot) (engine.RoleChange, error) {
		r := catalog.Role{Name: user, Login: true}
		had, ok := cat.Role(user)
		switch {
		case user == catalog.Everybody || strings.HasPrefix(user, "pg_") || user == "none":
			return engine.RoleChange{}, fmt.Errorf("%w: the name %q is reserved", code.UnacceptableCredential, user)
		case ok && had.Superuser && !cat.IsSuperuser(by):
			return engine.RoleChange{}, code.ClusterAuthorizationFailed
		case ok:
			r = *had
		}
		return engine.RoleChange{Put: []*catalog.Role{&r}}, change(&r)
	}))
}
