package manifests_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// compose loads docker-compose.yml as Compose v2 does, with all profiles.
func compose(t *testing.T, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")},
		cli.WithName("factory"), cli.WithEnv(env), cli.WithProfiles([]string{"*"}))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestComposeProfiles(t *testing.T) {
	t.Parallel()
	p := compose(t)
	profiles := map[string]string{}
	for _, s := range p.Services {
		profiles[s.Name] = strings.Join(s.Profiles, ",")
	}
	want := map[string]string{
		"secrets": "", "postgres": "", "redis": "", "backend": "",
		"embedded": "embedded", "backend-2": "scale", "backend-3": "scale", "nginx": "scale",
	}
	if fmt.Sprint(profiles) != fmt.Sprint(want) {
		t.Errorf("profiles = %v, want %v", profiles, want)
	}
}

func TestComposeServicesHaveLimitsAndRestartPolicies(t *testing.T) {
	t.Parallel()
	for name, s := range compose(t).Services {
		if s.MemLimit == 0 || s.CPUS == 0 || s.PidsLimit == 0 {
			t.Errorf("%s: limits of memory %v, CPUs %v, processes %v, want none 0", name, s.MemLimit, s.CPUS, s.PidsLimit)
		}
		if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: want a read-only root, no capabilities and no new privileges", name)
		}
		want := types.RestartPolicyUnlessStopped
		if name == "secrets" {
			want = types.RestartPolicyNo
		} else if s.HealthCheck == nil && !isBackend(s) { // the image defines one
			t.Errorf("%s has no health check", name)
		}
		if s.Restart != want {
			t.Errorf("%s: restart %q, want %q", name, s.Restart, want)
		}
		for dependency, d := range s.DependsOn {
			condition := types.ServiceConditionHealthy
			if dependency == "secrets" {
				condition = types.ServiceConditionCompletedSuccessfully
			}
			if d.Condition != condition {
				t.Errorf("%s waits for %s to be %s, want %s", name, dependency, d.Condition, condition)
			}
		}
	}
}

func isBackend(s types.ServiceConfig) bool { return s.Build != nil }

func TestComposeEnvironmentIsKnownToTheServer(t *testing.T) {
	t.Parallel()
	known, files := variables(t), secretFiles(t)
	for name, s := range compose(t).Services {
		if !isBackend(s) {
			continue
		}
		env := map[string]string{"NODE_ENV": "production"} // set by the image
		for k, v := range s.Environment {
			if !known[k] {
				t.Errorf("%s sets %s, which the server does not know", name, k)
			}
			if files[k] != "" {
				env[k] = files[k]
			} else if v != nil {
				env[k] = *v
			}
		}
		checkConfigAccepted(t, name, env)
		delay, _ := time.ParseDuration(env["SHUTDOWN_DELAY"])
		timeout := 25 * time.Second // the default of SHUTDOWN_TIMEOUT
		if d, err := time.ParseDuration(env["SHUTDOWN_TIMEOUT"]); err == nil {
			timeout = d
		}
		if grace := time.Duration(*s.StopGracePeriod); grace < delay+timeout+closeTime {
			t.Errorf("%s: stop_grace_period = %v, want at least %v", name, grace, delay+timeout+closeTime)
		}
	}
}

// A password in the file would be the same for every installation.
func TestComposeHasNoPassword(t *testing.T) {
	t.Parallel()
	for name, s := range compose(t).Services {
		for k, v := range s.Environment {
			if v != nil && regexp.MustCompile(`PASSWORD|KEY|SECRET|_URL`).MatchString(k) && !strings.HasPrefix(*v, "/run/secrets/") {
				t.Errorf("%s: %s is not the path of a secret", name, k)
			}
		}
	}
}

// SECRETS_DIR replaces the generated secrets by a directory, as the comment in the file
// says.
func TestComposeReadsSecretsFromADirectory(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"": types.VolumeTypeVolume, "SECRETS_DIR=/somewhere": types.VolumeTypeBind} {
		for name, s := range compose(t, value).Services {
			for _, v := range s.Volumes {
				if v.Target == "/run/secrets" && (v.Type != want || v.ReadOnly == (name == "secrets")) {
					t.Errorf("%q: %s mounts its secrets as %s, read-only %v", value, name, v.Type, v.ReadOnly)
				}
			}
		}
	}
}

var (
	pinned  = regexp.MustCompile(`^[a-z0-9./-]+:\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?(@sha256:[0-9a-f]{64})?$`)
	from    = regexp.MustCompile(`(?m)^FROM (?:--platform=\S+ )?(\S+)`)
	release = regexp.MustCompile(`(?m)^RELEASE +:= (\S+)$`)
)

// Every image has a fixed version, and ours has the tag of the release.
func TestImagesArePinned(t *testing.T) {
	t.Parallel()
	tag := release.FindStringSubmatch(read(t, "Makefile"))
	if tag == nil {
		t.Fatal("the Makefile has no RELEASE")
	}
	check := func(where, image string) {
		if image != "scratch" && !pinned.MatchString(image) {
			t.Errorf("%s: %s is not pinned", where, image)
		}
		if strings.Contains(image, "smart-factory-backend") && !strings.HasSuffix(image, ":"+tag[1]) {
			t.Errorf("%s: image %s, want release %s", where, image, tag[1])
		}
	}
	for _, m := range from.FindAllStringSubmatch(read(t, "Dockerfile"), -1) {
		check("Dockerfile", m[1])
	}
	for name, s := range compose(t).Services {
		check("docker-compose.yml, "+name, s.Image)
	}
	for _, v := range variants(t) {
		for name, pod := range pods(v) {
			for _, c := range pod.Spec.Containers {
				check(v.name+", "+name, c.Image)
			}
			if version := pod.Labels["app.kubernetes.io/version"]; version != "" && version != tag[1] {
				t.Errorf("%s, %s: version label %s, want release %s", v.name, name, version, tag[1])
			}
		}
	}
}
