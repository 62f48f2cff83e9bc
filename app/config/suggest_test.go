package config_test

import (
	"testing"

	"smart-factory-backend/app/config"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"serve", "status", "scale", "config", "unit", "PORT", "API_KEYS"}
	tests := map[string]string{
		"statsu": "status", "stat": "", "stauts": "status", "scal": "scale", "configs": "config",
		"confg": "config", "srv": "", "unti": "", "port": "", "PORTT": "PORT", "APIKEY": "API_KEYS",
		"API_KEYSXXX": "", "": "", "serve": "serve",
	}
	for word, want := range tests {
		if got := config.Suggest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
