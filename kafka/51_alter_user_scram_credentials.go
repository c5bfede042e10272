package kafka

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// AlterUserScramCredentials, version 0.
//
// It gives users passwords, which the client has salted and hashed, and takes them away. A user that is not there is
// made.

const (
	minIterations = 4096
	maxIterations = 16384
)

// A scramChange is what a request asks for a user.
type scramChange struct {
	user  string
	wrong error
	run   func(ctx context.Context) error
}

func (c *conn) alterScram(ctx context.Context, req *kmsg.AlterUserSCRAMCredentialsRequest) response {
	resp := req.ResponseKind().(*kmsg.AlterUserSCRAMCredentialsResponse)
	var changes []scramChange
	for i := range req.Deletions {
		d := &req.Deletions[i]
		changes = append(changes, scramChange{d.Name, knownScram(d.Name, d.Mechanism), func(ctx context.Context) error {
			return c.srv.cfg.Users.DropPassword(ctx, c.user, d.Name, ScramMechanism(d.Mechanism))
		}})
	}
	for i := range req.Upsertions {
		u := &req.Upsertions[i]
		wrong := knownScram(u.Name, u.Mechanism)
		switch {
		case wrong != nil:
		case u.Iterations < minIterations, u.Iterations > maxIterations:
			wrong = fmt.Errorf("%w: %d iterations, %d to %d are possible", code.UnacceptableCredential, u.Iterations,
				minIterations, maxIterations)
		case len(u.Salt) == 0, len(u.SaltedPassword) == 0:
			wrong = fmt.Errorf("%w: no salt or no password", code.UnacceptableCredential)
		}
		changes = append(changes, scramChange{u.Name, wrong, func(ctx context.Context) error {
			return c.srv.cfg.Users.SetPassword(ctx, c.user, u.Name, ScramPassword{
				ScramCredential{ScramMechanism(u.Mechanism), u.Iterations}, u.Salt, u.SaltedPassword})
		}})
	}
	refused := c.mayCluster(kmsg.ACLOperationAlter)
	var done []string
	for _, ch := range changes {
		if slices.Contains(done, ch.user) {
			continue
		}
		done = append(done, ch.user)
		out := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
		out.User = ch.user
		err := error(refused)
		if refused == code.None {
			err = c.changeScram(ctx, ch.user, changes)
		}
		out.ErrorCode, out.ErrorMessage = codeAndText(err)
		resp.Results = append(resp.Results, out)
	}
	return resp
}

// changeScram does what is asked for one user, when all of it can be done.
func (c *conn) changeScram(ctx context.Context, user string, changes []scramChange) error {
	if c.srv.cfg.Users == nil {
		return fmt.Errorf("%w: this server keeps no users", code.InvalidRequest)
	}
	var mine []scramChange
	for _, ch := range changes {
		if ch.user != user {
			continue
		}
		if ch.wrong != nil {
			return ch.wrong
		}
		mine = append(mine, ch)
	}
	for _, ch := range mine {
		if err := ch.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

func knownScram(user string, mechanism int8) error {
	switch {
	case user == "":
		return fmt.Errorf("%w: a user has a name", code.UnacceptableCredential)
	case mechanism != int8(ScramSHA256) && mechanism != int8(ScramSHA512):
		return fmt.Errorf("%w: number %d", code.UnsupportedSASLMechanism, mechanism)
	}
	return nil
}
