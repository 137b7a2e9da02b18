// A door: reads badges, asks Verigate, pulses the lock, and writes what happened to standard output, one line of JSON each.
//
// A badge read is a line on standard input: the badge's number, its verification id and its identity id, as your reader's driver and your list
// of badges would give them. Whatever goes wrong keeps the door shut. While Verigate cannot be reached, it opens only for those whom it has let
// in before, for as long as the policy permits.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	verigate "example.org/door/verigate/v1"
)

const (
	// A card read is judged slow at half a second.
	deadline = 500 * time.Millisecond
	// How many times a check is made at most, all within the deadline.
	attemptsMax = 3
	// People who use this door within the time for which an ALLOW may be reused.
	reuseCapacity = 1000
)

func main() {
	server := flag.String("server", "http://127.0.0.1:50051", "https://HOST:PORT, or http:// on this machine")
	policy := flag.String("policy", "front-door", "name of the policy")
	tokenFile := flag.String("token-file", "", "file with the token of this door")
	ca := flag.String("ca", "", "file with the CA certificates that verify the service")
	flag.Parse()
	connection, err := connect(*server, *ca)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(2)
	}
	defer connection.Close()
	door := &door{verigate.NewAccessServiceClient(connection), *policy, *tokenFile, map[person]allowed{}, true}
	write("door_started", fields{"policy": *policy, "server": *server})
	reads := bufio.NewScanner(os.Stdin)
	for reads.Scan() {
		read := strings.Fields(reads.Text())
		if len(read) != 3 {
			write("read_malformed", nil)
			continue
		}
		door.handle(read[0], person{verification: read[1], identity: read[2]})
	}
	write("door_stopped", nil)
}

// connect makes no connection yet: the first check does, and a connection that is lost is made again, with jitter.
func connect(server, ca string) (*grpc.ClientConn, error) {
	security := grpc.WithInsecure()
	target := strings.TrimPrefix(server, "http://")
	switch {
	case strings.HasPrefix(server, "https://"):
		target = strings.TrimPrefix(server, "https://")
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if ca != "" {
			pem, err := os.ReadFile(ca)
			if err != nil {
				return nil, err
			}
			config.RootCAs = x509.NewCertPool()
			if !config.RootCAs.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("`%s` has no certificate", ca)
			}
		}
		security = grpc.WithTransportCredentials(credentials.NewTLS(config))
	case !strings.HasPrefix(target, "127.0.0.1:") && !strings.HasPrefix(target, "localhost:"):
		return nil, errors.New("use https:// for another machine: in plain text anybody on the way could open the door")
	}
	return grpc.Dial(target, security,
		// The door is behind NAT.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 25 * time.Second, Timeout: 5 * time.Second, PermitWithoutStream: true}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
			MinConnectTimeout: 2 * time.Second,
		}),
		// Which checks are repeated is decided below.
		grpc.WithDisableRetry(), grpc.WithDisableServiceConfig())
}

// person is all that the decision depends on here. A door that also sends attributes or an authentication must add them.
type person struct{ verification, identity string }

// allowed is an ALLOW, which may be reused until its time is over.
type allowed struct {
	sent     time.Time
	validFor time.Duration
	id       string
}

// isValid counts the time by the clock by which more has passed: the monotonic one, or that of the system, which also runs while the machine sleeps.
func (a allowed) isValid(now time.Time) bool {
	passed := now.Sub(a.sent)
	if wall := now.Round(0).Sub(a.sent.Round(0)); wall > passed {
		passed = wall
	}
	return passed < a.validFor
}

type door struct {
	service     verigate.AccessServiceClient
	policy      string
	tokenFile   string
	known       map[person]allowed
	isReachable bool
}

func (d *door) handle(badge string, who person) {
	sent := time.Now()
	if before, ok := d.known[who]; ok && before.isValid(sent) {
		pulseLock()
		write("badge_read", fields{"badge": badge, "opened": true, "decision": "ALLOW", "reused": true, "decision_id": before.id})
		return
	}
	answer, err := d.check(who)
	// Any other value, known or not, keeps it shut.
	opens := err == nil && answer.GetDecision() == verigate.Decision_DECISION_ALLOW
	if opens {
		pulseLock()
	}
	d.keep(who, sent, answer, opens, err)
	line := fields{"badge": badge, "opened": opens, "reused": false, "decision_id": answer.GetDecisionId()}
	if err != nil {
		line["decision"], line["error"] = "DENY", err.Error()
	} else {
		line["decision"] = strings.TrimPrefix(answer.GetDecision().String(), "DECISION_")
	}
	write("badge_read", line)
	d.noteOutage(err)
}

// check asks within the deadline. UNAVAILABLE alone is repeated, never beyond it.
func (d *door) check(who person) (*verigate.CheckAccessResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if d.tokenFile != "" {
		// Read again for each check, so that the file can be replaced.
		token, err := os.ReadFile(d.tokenFile)
		if err != nil {
			return nil, status.Error(codes.Unauthenticated, "the token cannot be read")
		}
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	request := &verigate.CheckAccessRequest{VerificationId: who.verification, IdentityId: who.identity, Policy: d.policy}
	for attempt := 1; ; attempt++ {
		answer, err := d.service.CheckAccess(ctx, request)
		if status.Code(err) != codes.Unavailable || attempt == attemptsMax {
			return answer, err
		}
		wait := time.Duration(float64(delay(err, attempt)) * (1 + 0.2*rand.Float64()))
		if until, _ := ctx.Deadline(); time.Now().Add(wait).After(until) {
			return nil, err
		}
		time.Sleep(wait)
	}
}

// delay is what the service says, or 50 ms and then longer.
func delay(err error, attempt int) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			return retry.GetRetryDelay().AsDuration()
		}
	}
	return 50 * time.Millisecond << (attempt - 1)
}

// keep keeps an ALLOW that may be reused. Any other answer ends the reuse; an outage does not.
func (d *door) keep(who person, sent time.Time, answer *verigate.CheckAccessResponse, opens bool, err error) {
	if !isOutage(err) {
		delete(d.known, who)
	}
	validFor := answer.GetValidFor().AsDuration()
	if !opens || answer.GetValidFor() == nil || validFor <= 0 {
		return
	}
	for other, before := range d.known {
		if len(d.known) < reuseCapacity && before.isValid(sent) {
			continue
		}
		delete(d.known, other)
	}
	d.known[who] = allowed{sent, validFor, answer.GetDecisionId()}
}

func isOutage(err error) bool {
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded || code == codes.ResourceExhausted
}

// noteOutage writes when the service gets out of reach, and when it is back.
func (d *door) noteOutage(err error) {
	isReachable := status.Code(err) != codes.Unavailable && status.Code(err) != codes.DeadlineExceeded
	if isReachable != d.isReachable {
		write(map[bool]string{true: "service_reachable", false: "service_unreachable"}[isReachable], nil)
	}
	d.isReachable = isReachable
}

// pulseLock opens the lock for a moment. A real door drives its relay here.
func pulseLock() {}

type fields map[string]interface{}

// write writes a line at once: a door may lose its power at any time.
func write(event string, more fields) {
	line := fields{"at": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "event": event}
	for name, value := range more {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		text = []byte(`{"event":"line_unprintable"}`)
	}
	fmt.Println(string(text))
}
