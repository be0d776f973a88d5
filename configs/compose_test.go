package configs_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/aimarketplace/backout/configs"
)

// loadCompose reads docker-compose.yml with the library that docker compose reads it with.
func loadCompose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../docker-compose.yml"}, cli.WithEnv([]string{
		"BACKOUT_NATS_ENGINE_PASSWORD=p-engine", "BACKOUT_NATS_PUBLISHER_PASSWORD=p-publisher", "BACKOUT_NATS_COMMAND_PASSWORD=p-command",
	}))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestCompose_everyServiceIsCheckedAndOnLoopback(t *testing.T) {
	t.Parallel()
	project := loadCompose(t)
	if got := slices.Sorted(slices.Values(project.ServiceNames())); !slices.Equal(got, []string{"backout", "mail-sink", "nats"}) {
		t.Fatalf("the services are %v", got)
	}
	for _, service := range project.Services {
		if service.HealthCheck == nil || len(service.HealthCheck.Test) == 0 {
			t.Errorf("%s has no health check", service.Name)
		}
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s opens port %s on %q", service.Name, port.Published, port.HostIP)
			}
		}
	}
	for _, name := range []string{"nats", "mail-sink"} {
		if got := project.Services["backout"].DependsOn[name].Condition; got != types.ServiceConditionHealthy {
			t.Errorf("backout starts when %s is %q", name, got)
		}
	}
	if len(project.Volumes) != 2 {
		t.Errorf("the volumes are %v", project.VolumeNames())
	}
}

func TestCompose_natsRunsWithTheTestedFile(t *testing.T) {
	t.Parallel()
	nats := loadCompose(t).Services["nats"]
	want, err := filepath.Abs("nats-server.conf")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(nats.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Source == want })
	if i < 0 || !slices.Contains(nats.Command, nats.Volumes[i].Target) {
		t.Fatalf("nats runs %v with %v", nats.Command, nats.Volumes)
	}
	file, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	for word := range strings.FieldsSeq(string(file)) {
		name, isVariable := strings.CutPrefix(strings.Trim(word, "{},"), "$BACKOUT")
		if _, set := nats.Environment["BACKOUT"+name]; isVariable && !set {
			t.Errorf("the file reads $BACKOUT%s, and the service does not set it", name)
		}
	}
}

// TestCompose_backoutFindsItsConfigAndSecrets resolves the mounted configuration
// with exactly the environment the service gets.
func TestCompose_backoutFindsItsConfigAndSecrets(t *testing.T) {
	t.Parallel()
	backout := loadCompose(t).Services["backout"]
	if !slices.Contains(backout.Command, "--nats-url=nats://nats:4222") {
		t.Errorf("backout runs %v, without the external server", backout.Command)
	}
	i := slices.IndexFunc(backout.Command, func(arg string) bool { return strings.HasPrefix(arg, "--config=/etc/backout/") })
	if i < 0 || backout.Volumes[0].Target != "/etc/backout" {
		t.Fatalf("backout runs %v with %v", backout.Command, backout.Volumes)
	}
	c, err := configs.Load(filepath.Base(backout.Command[i]), func(name string) (string, bool) {
		value := backout.Environment[name]
		if value == nil {
			return "", false
		}
		return *value, true
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Resolve(); err != nil {
		t.Error(err)
	}
}
