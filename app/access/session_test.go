package access_test

import (
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/access"
)

func TestEndSessionEndsOneSession(t *testing.T) {
	t.Parallel()
	keys := access.NewKeys(parse(t, "a:read:the-secret"))
	now := time.Unix(1_700_000_000, 0)
	p, _ := keys.Authenticate([]byte("the-secret"))
	var tokens []string
	for i := range 5_000 { // more than are remembered
		token, _ := keys.NewSession(p, now.Add(time.Duration(i)))
		tokens = append(tokens, token)
	}
	open, last := tokens[0], tokens[len(tokens)-1]
	for _, token := range append(tokens[1:], "a~forged", "") {
		keys.EndSession(token, now.Add(time.Second))
	}
	if _, ok := keys.AuthenticateSession(last, now.Add(time.Second)); ok {
		t.Error("an ended session is accepted")
	}
	if _, ok := keys.AuthenticateSession(open, now.Add(time.Second)); !ok {
		t.Error("another session of the same second has ended")
	}
}

func TestSessionsEndWithTheirKeyAndTheirTime(t *testing.T) {
	t.Parallel()
	const list = "a:read:the-secret,b:admin:another-one"
	keys := access.NewKeys(parse(t, list))
	now := time.Unix(1_700_000_000, 0)
	p, _ := keys.Authenticate([]byte("the-secret"))
	token, ok := keys.NewSession(p, now)
	if !ok || strings.Contains(token, "secret") {
		t.Fatalf("NewSession() = %q, %v", token, ok)
	}
	replica := access.NewKeys(parse(t, list))
	if got, ok := replica.AuthenticateSession(token, now.Add(access.SessionLifetime)); !ok || got != p {
		t.Errorf("AuthenticateSession() of another replica = %v, %v, want %v", got, ok, p)
	}
	if _, ok := replica.AuthenticateSession(token, now.Add(access.SessionLifetime+time.Second)); ok {
		t.Error("an expired session is accepted")
	}
	if _, ok := replica.AuthenticateSession(token, now.Add(-time.Hour)); ok {
		t.Error("a session of the future is accepted")
	}
	for _, forged := range []string{
		"", "a", "a~", "b" + token[1:], token[:len(token)-1], token + "A", "a~" + strings.Repeat("A", len(token)-2), strings.ToUpper(token),
	} {
		if _, ok := replica.AuthenticateSession(forged, now); ok {
			t.Errorf("AuthenticateSession(%q) succeeds", forged)
		}
	}
	for change, list := range map[string]string{
		"another secret": "a:read:a-new-secret", "another role": "a:admin:the-secret", "another name": "c:read:the-secret",
	} {
		if _, ok := access.NewKeys(parse(t, list)).AuthenticateSession(token, now); ok {
			t.Errorf("a session is accepted after %s", change)
		}
	}
	if _, ok := keys.NewSession(access.Principal{Name: "a", Role: access.RoleRead}, now); ok {
		t.Error("NewSession of a principal that was not authenticated succeeds")
	}
}
