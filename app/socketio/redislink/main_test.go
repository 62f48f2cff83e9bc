package redislink

import (
	"os"
	"testing"

	"smart-factory-backend/app/testkit/leaktest"
)

// TestMain fails if the tests leave goroutines behind.
func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }
