package redislink

import (
	"os"
	"testing"

	"smart-factory-backend/app/testkit/leaktest"
)

// TestMain fails on goroutines that the tests have left behind.
func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }
