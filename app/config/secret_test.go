package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"smart-factory-backend/app/config"
)

const secretText = "hush-hush-hush-hush"

// holder has an unexported Secret, on which fmt can't call methods.
type holder struct {
	Open   config.Secret
	hidden config.Secret
	url    config.URL
}

func TestSecretsAreRedactedHoweverTheyArePrinted(t *testing.T) {
	t.Parallel()
	secret := config.NewSecret(secretText)
	url := config.NewURL("redis://user:" + secretText + "@host/0?password=" + secretText)
	c := config.Default()
	c.APIKeys, c.RedisURL = secret, url
	values := map[string]any{
		"a Secret": secret, "a pointer": &secret, "a URL": url, "a slice": []config.Secret{secret},
		"a map": map[string]config.URL{"url": url}, "a struct": holder{secret, secret, url},
		"a Config": c, "a pointer to one": &c, "its description": c.Describe(),
	}
	for name, value := range values {
		var out bytes.Buffer
		for verb := range strings.SplitSeq("vTtbcdoOqxXUeEfFgGspw", "") {
			for _, flags := range []string{"", "+", "#", "-20", "020", ".3"} {
				_, _ = fmt.Fprintf(&out, "%"+flags+verb, value)
			}
		}
		_, _ = fmt.Fprintln(&out, value)
		if text, err := json.Marshal(value); err != nil {
			t.Errorf("json.Marshal of %s: %v", name, err)
		} else {
			out.Write(text)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", slog.Any("value", value))
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", slog.Any("value", value))
		printed := strings.ToLower(out.String())
		for _, form := range []string{secretText, fmt.Sprintf("%x", secretText), fmt.Sprintf("%d", []byte(secretText))} {
			if strings.Contains(printed, form) {
				t.Errorf("%s prints %q", name, form)
			}
		}
	}
}

func TestSecretPrintsAsAsterisksUnlessEmpty(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ got, want string }{
		"set":                              {fmt.Sprintf("%d", config.NewSecret("x")), "***"},
		"empty":                            {config.NewSecret("").String(), ""},
		"zero":                             {fmt.Sprint(config.Secret{}), ""},
		"URL, host and path are kept":      {config.NewURL("redis://h:1/0").String(), "redis://h:1/0"},
		"URL, user and query are redacted": {config.NewURL("redis://u@h:1/0?p=x#f").String(), "redis://***@h:1/0?***"},
		"URL, file":                        {config.NewURL("sqlite:///a/b.db").String(), "sqlite:///a/b.db"},
		"URL, no scheme":                   {config.NewURL("hush").String(), "***"},
		"URL, opaque":                      {config.NewURL("redis:hush").String(), "***"},
		"URL, malformed":                   {config.NewURL("redis://u:hush").String(), "***"},
		"URL, zero":                        {config.URL{}.String(), ""},
	}
	for name, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s prints %q, want %q", name, tt.got, tt.want)
		}
	}
	if got := config.NewSecret("x").Reveal(); got != "x" {
		t.Errorf("Reveal() = %q, want x", got)
	}
}
