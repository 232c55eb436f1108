package lio

import (
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

type target struct {
	name   string
	groups map[uint16]*group
	logins value
	fails  value
	outs   value
}

// group is a portal group.
type group struct {
	of       *target
	dir      *dir
	enabled  bool
	attrib   map[string]*value
	auth     auth
	portals  map[string]netip.AddrPort
	acls     map[string]*acl
	dynamic  []*session
	authText string // the AuthMethod parameter
}

type acl struct {
	name    string
	in      *group
	auth    auth
	depth   value
	session *session
}

// maker returns the make_group operation of a kind of folder; nil when nothing
// can be made in it.
func (k kind) maker() func(*Tree, *dir, string) error {
	switch k {
	case kindTarget:
		return makeFabric
	case kindCore:
		return makeHBA
	case kindHBA:
		return makeBackstore
	case kindFabric:
		return makeIQN
	case kindIQN:
		return makeGroup
	case kindLUNs:
		return makeLUN
	case kindPortals:
		return makePortal
	case kindACLs:
		return makeACL
	case kindACL:
		return makeMapped
	}
	return nil
}

// makeFabric is target_core_register_fabric; mkdir of iscsi loads its module.
func makeFabric(t *Tree, up *dir, name string) error {
	if name != "iscsi" {
		return syscall.EINVAL
	}
	t.modules["iscsi_target_mod"] = true
	t.fabric(up)
	return nil
}

func (t *Tree) fabric(up *dir) {
	d := newDir(up, "iscsi", kindFabric, false)
	d.readOnly("lio_version", "Datera Inc. iSCSI Target v4.1.0\n")
	a := d.group("discovery_auth", kindPlain)
	a.auth(&auth{}, true)
	a.add("enforce_discovery_auth", file{show: func() string { return "0\n" }, store: func(string) error { return nil }})
}

// makeIQN is lio_target_call_coreaddtiqn. The kernel takes any name.
func makeIQN(_ *Tree, up *dir, name string) error {
	if len(name) >= 224 {
		return syscall.EINVAL
	}
	d := newDir(up, name, kindIQN, false)
	q := &target{name: name, groups: map[uint16]*group{}}
	d.object = q
	s := d.group("fabric_statistics", kindPlain)
	login := s.group("iscsi_login_stats", kindPlain)
	login.add("accepts", file{quiet: true, show: q.logins.show})
	login.add("authenticate_fails", file{quiet: true, show: q.fails.show})
	for _, f := range []string{"authorize_fails", "negotiate_fails", "other_fails", "redirects"} {
		login.readOnly(f, "0\n")
	}
	logout := s.group("iscsi_logout_stats", kindPlain)
	logout.add("normal_logouts", file{quiet: true, show: q.outs.show})
	logout.readOnly("abnormal_logouts", "0\n")
	errs := s.group("iscsi_sess_err", kindPlain)
	for _, f := range []string{"cxn_errors", "digest_errors", "format_errors"} {
		errs.readOnly(f, "0\n")
	}
	s.group("iscsi_instance", kindPlain).readOnly("sessions", "0\n")
	s.group("iscsi_tgt_attr", kindPlain).readOnly("login_fails", "0\n")
	return nil
}

// makeGroup is lio_target_tiqn_addtpg.
func makeGroup(_ *Tree, up *dir, name string) error {
	_, number, found := strings.Cut(name, "tpgt_")
	tag, err := strconv.ParseUint(number, 0, 16)
	if !found || err != nil {
		return syscall.EINVAL
	}
	q := up.object.(*target)
	d := newDir(up, name, kindGroup, false)
	g := &group{of: q, dir: d, portals: map[string]netip.AddrPort{}, acls: map[string]*acl{}, authText: "CHAP,None"}
	d.object, q.groups[uint16(tag)] = g, g
	d.add("enable", file{show: func() string { return flag(g.enabled) }, store: g.enable})
	d.add("dynamic_sessions", file{quiet: true, show: g.dynamicSessions})
	d.readOnly("rtpi", "1\n")
	d.group("lun", kindLUNs)
	d.group("np", kindPortals)
	d.group("acls", kindACLs)
	g.attributes(d.group("attrib", kindPlain))
	d.group("auth", kindPlain).auth(&g.auth, false)
	p := d.group("param", kindPlain)
	p.add("AuthMethod", file{quiet: true, show: func() string { return g.authText + "\n" }, store: func(text string) error {
		g.authText = strings.TrimSpace(text)
		return nil
	}})
	return nil
}

// limits are the attributes of a portal group: default and the largest value
// (iscsi_target_tpg.c).
var limits = map[string][2]uint64{
	"authentication": {1, 1}, "cache_dynamic_acls": {0, 1}, "default_cmdsn_depth": {64, 512}, "default_erl": {0, 2},
	"demo_mode_discovery": {1, 1}, "demo_mode_write_protect": {1, 1}, "fabric_prot_type": {0, 3}, "generate_node_acls": {0, 1},
	"login_keys_workaround": {1, 1}, "login_timeout": {15, 30}, "prod_mode_write_protect": {0, 1}, "t10_pi": {0, 1}, "tpg_enabled_sendtargets": {1, 1},
}

func (g *group) attributes(d *dir) {
	g.attrib = map[string]*value{}
	for name, l := range limits {
		v := &value{n: l[0]}
		g.attrib[name] = v
		d.add(name, file{show: v.show, store: func(text string) error { return g.setAttribute(name, text) }})
	}
}

func (g *group) setAttribute(name, text string) error {
	n, err := u32(text)
	if err != nil {
		return err
	}
	if n > limits[name][1] || (name == "login_timeout" && n < 5) || (name == "default_cmdsn_depth" && n == 0) || (name == "fabric_prot_type" && n == 2) {
		return syscall.EINVAL
	}
	generate, cache := g.attrib["generate_node_acls"], g.attrib["cache_dynamic_acls"]
	switch {
	case name == "generate_node_acls" && n == 1:
		cache.n = 1 // iscsit_ta_generate_node_acls sets it along
	case name == "cache_dynamic_acls" && n == 0 && generate.n == 1:
		return nil // and it silently stays
	case name == "authentication" && n == 1:
		g.authText = "CHAP"
	case name == "authentication":
		g.authText = "CHAP,None"
	}
	g.attrib[name].n = n
	return nil
}

// enable is target_fabric_tpg_base_enable_store: the value that it has already is
// success, and disabling logs everybody out.
func (g *group) enable(text string) error {
	n, err := boolean(text)
	if err != nil {
		return err
	}
	g.enabled = n == 1
	if !g.enabled {
		g.logoutAll()
	}
	return nil
}
