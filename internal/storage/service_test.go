package storage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/csigate"
	"github.com/waddle-social/waddle/internal/csigate/keys"
	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// run runs a service until the test or the returned function ends it.
func (h *host) run(s *Service) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			h.t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	h.t.Cleanup(stop)
	return stop
}

// applied is a service on which phase 1's two steps are done.
func (h *host) applied() *Service {
	h.t.Helper()
	s := h.service()
	h.run(s)
	must(h.t, s.ApplyDataset(context.Background(), h.doc, false))
	must(h.t, s.ApplyTarget(context.Background(), h.doc, false))
	return s
}

func texts(ds []engine.Difference) (all []string) {
	for _, d := range ds {
		all = append(all, string(d.Kind)+" "+d.Object)
	}
	return all
}

func TestTheStepsAreAppliedOnABareHostAndTakenBack(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	s := h.service()
	h.run(s)
	before := h.state()
	f, err := s.LookDataset(ctx, h.doc)
	must(t, err)
	if got := texts(f.Differences); !slices.Equal(got, []string{"create dataset " + root, "create dataset " + root + "/v", "create dataset " + root + "/s"}) {
		t.Errorf("the plan says %q", got)
	}
	f, err = s.LookTarget(ctx, h.doc)
	must(t, err)
	if got := strings.Join(texts(f.Differences), ", "); !strings.Contains(got, "create iSCSI target of the kernel") || !strings.Contains(got, "create endpoint 10.10.0.1:2222") {
		t.Errorf("the plan says %q", got)
	}
	if h.state() != before {
		t.Error("looking changed something")
	}
	data, err := s.CaptureDataset(ctx, h.doc)
	must(t, err)
	target, err := s.CaptureTarget(ctx, h.doc)
	must(t, err)
	must(t, s.ApplyDataset(ctx, h.doc, false))
	must(t, s.ApplyTarget(ctx, h.doc, false))
	for _, look := range []func(context.Context, *platform.Platform) (Finding, error){s.LookDataset, s.LookTarget} {
		if f, err := look(ctx, h.doc); err != nil || len(f.Differences) != 0 {
			t.Errorf("after the apply: %+v %v", f, err)
		}
	}
	st, err := s.Status(ctx)
	must(t, err)
	if e := st.Endpoint; !e.Serving || e.Address != "10.10.0.1:2222" || !strings.HasPrefix(e.ClientKey, "SHA256:") || !st.Present || !st.Target.Ready {
		t.Errorf("status %+v", st)
	}
	b, err := s.Backend()
	must(t, err)
	_, err = b.Create(ctx, CreateRequest{Name: "data", Size: size})
	must(t, err)
	var conflict *ConflictError
	if err := s.UndoTarget(ctx, h.doc, target); !errors.As(err, &conflict) || !s.Endpoint().Serving {
		t.Errorf("an undo with a volume: %v", err)
	}
	if err := s.UndoDataset(ctx, h.doc, data); !errors.As(err, &conflict) {
		t.Errorf("an undo with a volume: %v", err)
	}
	must(t, b.Delete(ctx, DeleteRequest{Name: "data"}))
	must(t, s.UndoTarget(ctx, h.doc, target))
	must(t, s.UndoDataset(ctx, h.doc, data))
	if got := h.state(); got != before {
		t.Errorf("after the undo:\n%s\nwas\n%s", got, before)
	}
	if s.Endpoint().Serving {
		t.Error("the endpoint is still served")
	}
	must(t, s.ApplyDataset(ctx, h.doc, false))
	must(t, s.ApplyTarget(ctx, h.doc, false))
}

func TestADatasetOfSomebodyElsesIsAdoptedOrAConflict(t *testing.T) {
	ctx := context.Background()
	filesystem := func(b *Backend, name string) {
		n, err := b.zfs.Root().Name(name)
		must(t, err)
		_, err = b.zfs.Run(ctx, zfs.CreateFilesystem(n, true))
		must(t, err)
	}
	t.Run("one with volumes of an older host", func(t *testing.T) {
		h := newHost(t)
		b := h.bare()
		filesystem(b, root)
		h.zvol(b, root+"/pvc-1", driverMade...)
		before := h.state()
		was, err := b.CaptureDataset(ctx)
		must(t, err)
		var adoption *AdoptionError
		if err := b.ApplyDataset(ctx, false); !errors.As(err, &adoption) || h.state() != before {
			t.Fatalf("without consent: %v", err)
		}
		must(t, b.ApplyDataset(ctx, true))
		if f, err := b.LookDataset(ctx); err != nil || len(f.Differences) != 0 || len(f.Notes) == 0 {
			t.Errorf("after the apply: %+v %v", f, err)
		}
		must(t, b.UndoDataset(ctx, was))
		if got := strings.ReplaceAll(h.state(), "filesystem "+root+"/s\nfilesystem "+root+"/v\n", ""); got != before {
			t.Errorf("after the undo:\n%s\nwas\n%s", got, before)
		}
	})
	t.Run("one with file systems that are not democratic-csi's", func(t *testing.T) {
		h := newHost(t)
		b := h.bare()
		filesystem(b, root+"/backups/monday")
		before := h.state()
		var conflict *ConflictError
		if err := b.ApplyDataset(ctx, true); !errors.As(err, &conflict) || !strings.Contains(err.Error(), root+"/backups") || h.state() != before {
			t.Fatalf("got %v", err)
		}
	})
}

func TestAHostWithoutZFSOrWithoutThePoolSaysSo(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	m := h.machine()
	m.ZFS = zfs.Exec{Path: "/nowhere/zfs"}
	b, err := Open(m, h.doc)
	must(t, err)
	_, err = b.LookDataset(ctx)
	if p := refused(t, err, problem.HostUnsuitable); !strings.Contains(p.Detail, "no ZFS") {
		t.Errorf("%s", p.Detail)
	}
	other := *h.doc
	other.Spec.Storage.Dataset = "tank/k8s-csi"
	b, err = Open(h.machine(), &other)
	must(t, err)
	_, err = b.LookDataset(ctx)
	if p := refused(t, err, problem.HostUnsuitable); !strings.Contains(p.Detail, "no pool tank") {
		t.Errorf("%s", p.Detail)
	}
}

func TestTheEndpointFollowsThePlatformAndKeepsItsKeys(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	s := h.applied()
	before := s.Endpoint()
	other := *h.doc
	other.Spec.Storage.EndpointPort = 2223
	h.doc = &other
	s.PlatformChanged()
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	e, err := s.await(wait, func(e Endpoint) bool { return e.Serving && e.Address == "10.10.0.1:2223" })
	must(t, err)
	if e.HostKey != before.HostKey || e.ClientKey != before.ClientKey {
		t.Errorf("the keys changed: %+v, were %+v", e, before)
	}
}

func TestARestartRestoresTheTargetsAndServesAgain(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	s := h.service()
	stop := h.run(s)
	must(t, s.ApplyDataset(ctx, h.doc, false))
	must(t, s.ApplyTarget(ctx, h.doc, false))
	b, err := s.Backend()
	must(t, err)
	for i := range 20 {
		must(t, h.driver(b).CreateVolume(fmt.Sprintf("pvc-%d", i), size))
	}
	want := h.state()
	stop()
	h.boot()
	again := h.service()
	h.run(again)
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err = again.await(wait, func(e Endpoint) bool { return e.Serving })
	must(t, err)
	if got := h.state(); got != want {
		t.Errorf("after a boot:\n%s\nwas\n%s", got, want)
	}
}

func TestTheEndpointTellsTheCauseWhenItCannotListen(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	m := h.machine()
	m.Listen = func(string) (net.Listener, error) { return nil, errors.New("cannot assign requested address") }
	s := NewService(ServiceOptions{Machine: m, Platform: func() (*platform.Platform, error) { return h.doc, nil }, Log: h.service().o.Log})
	h.run(s)
	must(t, s.ApplyDataset(ctx, h.doc, false))
	tried, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // an apply waits for it to come right; the test does not
		defer cancel()
		_, _ = s.await(ctx, func(e Endpoint) bool { return strings.Contains(e.Reason, "cannot assign") })
	}()
	err := s.ApplyTarget(tried, h.doc, false)
	if p := refused(t, err, problem.HostUnsuitable); !strings.Contains(p.Detail, "cannot assign") {
		t.Errorf("%s", p.Detail)
	}
}

func TestOnlyTheKeysOwnerGetsInAndSecretsAreNotShown(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	var address string
	m := h.machine()
	m.Listen = func(string) (net.Listener, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err == nil {
			address = l.Addr().String()
		}
		return l, err
	}
	h.doc.Spec.Storage.CHAP = platform.MutualCHAP
	s := NewService(ServiceOptions{Machine: m, Platform: func() (*platform.Platform, error) { return h.doc, nil }, Log: h.service().o.Log})
	h.run(s)
	must(t, s.ApplyDataset(ctx, h.doc, false))
	must(t, s.ApplyTarget(ctx, h.doc, false))
	secrets, err := s.Secrets()
	must(t, err)
	again, err := s.Secrets()
	must(t, err)
	if secrets != again || secrets.CHAP.MutualPassword.Empty() || secrets.CHAP.Password == secrets.CHAP.MutualPassword {
		t.Errorf("the secrets are not kept: %+v", secrets)
	}
	if shown := fmt.Sprintf("%v %+v %#v", secrets, secrets, secrets); strings.Contains(shown, secrets.CHAP.Password.Reveal()) || strings.Contains(shown, "PRIVATE KEY") {
		t.Errorf("shown: %s", shown)
	}
	pair, err := keys.Ensure(h.at("keys"))
	must(t, err)
	signer, err := ssh.ParsePrivateKey([]byte(pair.ClientPrivate.Reveal()))
	must(t, err)
	// The address of this test is none of the nodes', so it is turned away before
	// a key is asked for.
	_, err = ssh.Dial("tcp", address, &ssh.ClientConfig{User: csigate.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(pair.Host.PublicKey()), Timeout: time.Minute})
	if err == nil {
		t.Error("somebody who is no node got in")
	}
	info, err := os.Stat(filepath.Join(h.at("keys"), "chap.json"))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the CHAP secrets have mode %o", info.Mode().Perm())
	}
	must(t, os.WriteFile(filepath.Join(h.at("keys"), "chap.json"), []byte(`{"userid":"waddle"`), 0o600))
	if _, err := keys.EnsureCHAP(h.at("keys")); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged file: %v", err)
	}
	must(t, os.Chmod(filepath.Join(h.at("keys"), "chap.json"), 0o644))
	if _, err := keys.EnsureCHAP(h.at("keys")); err == nil {
		t.Error("a file that others may read was used")
	}
}
