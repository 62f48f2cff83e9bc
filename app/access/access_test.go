package access_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"smart-factory-backend/app/access"
)

const sample = "press-7:ingest:s3cr3t-of-the-press, screens:read:s3cr3t:with:colons,shift:operate:s3cr3t-shift,root:admin:s3cr3t-root"

func parse(t *testing.T, list string) access.List {
	t.Helper()
	l, err := access.Parse(list, 1)
	if err != nil {
		t.Fatalf("Parse(%q): %v", list, err)
	}
	return l
}

func TestActiveReportsWhetherAPrincipalsKeyIsStillConfigured(t *testing.T) {
	t.Parallel()
	keys := access.NewKeys(access.List{})
	if !keys.Active(access.Principal{}) {
		t.Error("Active() without keys = false, want true")
	}
	keys.Replace(parse(t, "a:read:the-secret,b:read:another"))
	p, ok := keys.Authenticate([]byte("the-secret"))
	if !ok || !keys.Active(p) {
		t.Error("Active() of a configured key = false, want true")
	}
	if keys.Active(access.Principal{}) {
		t.Error("Active() of a client without a key = true, want false once there are keys")
	}
	for change, list := range map[string]string{
		"another role": "a:admin:the-secret", "another name": "c:read:the-secret", "another secret": "a:read:new-secret",
		"the secrets exchanged": "a:read:another,b:read:the-secret",
	} {
		if keys.Replace(parse(t, list)); keys.Active(p) {
			t.Errorf("Active() after %s = true, want false", change)
		}
	}
	if keys.Replace(parse(t, "b:read:another,a:read:the-secret")); !keys.Active(p) {
		t.Error("Active() of a key that moved in the list = false, want true")
	}
}

func TestAuthenticateFindsTheKeyOfASecret(t *testing.T) {
	t.Parallel()
	keys := access.NewKeys(parse(t, sample))
	tests := map[string]access.Principal{
		"s3cr3t-of-the-press": {Name: "press-7", Role: access.RoleIngest},
		"s3cr3t:with:colons":  {Name: "screens", Role: access.RoleRead},
		"s3cr3t-shift":        {Name: "shift", Role: access.RoleOperate},
		"s3cr3t-root":         {Name: "root", Role: access.RoleAdmin},
	}
	for secret, want := range tests {
		if got, ok := keys.Authenticate([]byte(secret)); !ok || got.Name != want.Name || got.Role != want.Role {
			t.Errorf("Authenticate(%q) = %v, %v, want %v", secret, got, ok, want)
		}
	}
	for _, secret := range []string{"", "press-7", "s3cr3t", "s3cr3t-root ", "S3CR3T-ROOT", strings.Repeat("x", 10_000)} {
		if got, ok := keys.Authenticate([]byte(secret)); ok {
			t.Errorf("Authenticate(%q) = %v, want no principal", secret, got)
		}
	}
}

func TestEachRoleAllowsItsActionsOnly(t *testing.T) {
	t.Parallel()
	actions := []access.Action{access.Read, access.Ingest, access.Operate, access.Administer}
	tests := map[access.Role][4]bool{
		0:                  {false, false, false, false},
		access.RoleRead:    {true, false, false, false},
		access.RoleIngest:  {false, true, false, false},
		access.RoleOperate: {true, false, true, false},
		access.RoleAdmin:   {true, true, true, true},
	}
	for role, want := range tests {
		for i, a := range actions {
			if got := role.Allows(a); got != want[i] {
				t.Errorf("%v.Allows(%v) = %v, want %v", role, a, got, want[i])
			}
		}
	}
}

func TestParseReportsEveryProblemWithoutTheSecret(t *testing.T) {
	t.Parallel()
	_, err := access.Parse("a:read:hush-1,b:boss:hush-2,hush-3,a:read:hush-4,c:read:hush-1,:read:hush-5,d:read:,"+
		"e:read:"+strings.Repeat("hush-6", 100), 1)
	if err == nil {
		t.Fatal("Parse of a bad list = nil, want an error")
	}
	for _, want := range []string{
		"key 2: want the role read", "key 3: want name:role:secret", "key 4: has the name of key 1",
		"key 5: has the secret of key 1", "key 6: want a name", "key 7: want name:role:secret", "key 8: want a secret of at most 512 bytes",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Parse error %q does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "hush") {
		t.Errorf("Parse error %q shows a secret", err)
	}
}

func TestAnEmptyListIsUnrestricted(t *testing.T) {
	t.Parallel()
	for _, list := range []string{"", "  "} {
		keys := access.NewKeys(parse(t, list))
		if !keys.Unrestricted() {
			t.Errorf("Unrestricted() with list %q = false, want true", list)
		}
		if _, ok := keys.Authenticate([]byte("anything")); ok {
			t.Errorf("Authenticate without keys = true, want false")
		}
	}
}

func TestAListPrintsAsAsterisks(t *testing.T) {
	t.Parallel()
	l := parse(t, sample)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+" ", l)
		fmt.Fprintf(&out, verb+" ", &l)
		fmt.Fprintf(&out, verb+" ", struct{ L access.List }{l})
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("config", slog.Any("keys", l))
	slog.New(slog.NewTextHandler(&out, nil)).Info("config", slog.Any("keys", l))
	if err := json.NewEncoder(&out).Encode(map[string]any{"keys": l}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"s3cr3t", "press-7", "screens"} {
		if strings.Contains(out.String(), part) {
			t.Errorf("a printed List shows %q:\n%s", part, out.String())
		}
	}
	if n := strings.Count(out.String(), "***"); n != 24 {
		t.Errorf("a List was printed as *** %d times, want 24:\n%s", n, out.String())
	}
}

func TestReplaceDuringAuthentication(t *testing.T) {
	t.Parallel()
	before, after := parse(t, "old:read:secret-of-old"), parse(t, "new:admin:secret-of-new")
	keys := access.NewKeys(before)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				_, oldWorks := keys.Authenticate([]byte("secret-of-old"))
				_, newWorks := keys.Authenticate([]byte("secret-of-new"))
				if !oldWorks && !newWorks {
					t.Error("between two lists neither key worked")
					return
				}
			}
		})
	}
	keys.Replace(after)
	wg.Wait()
	if _, ok := keys.Authenticate([]byte("secret-of-old")); ok {
		t.Error("a replaced key still works")
	}
	if p, ok := keys.Authenticate([]byte("secret-of-new")); !ok || p.Name != "new" {
		t.Errorf("Authenticate of the new key = %v, %v", p, ok)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add(",:::,a:read:b,\x00:admin:\xff")
	f.Fuzz(func(t *testing.T, list string) {
		l, err := access.Parse(list, 1)
		if err != nil && l.Len() != 0 {
			t.Errorf("Parse(%q) returned %d keys with an error", list, l.Len())
		}
		if l.Len() > strings.Count(list, ",")+1 {
			t.Errorf("Parse(%q) = %d keys, more than entries", list, l.Len())
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	l, err := access.Parse(sample, 1)
	if err != nil {
		b.Fatal(err)
	}
	keys := access.NewKeys(l)
	secret := []byte("s3cr3t-root")
	b.ReportAllocs()
	for b.Loop() {
		keys.Authenticate(secret)
	}
}
