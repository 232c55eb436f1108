package platform

import (
	"net/netip"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// Validate takes platforms that no file could give. It must not panic, and what
// it lets pass must be what Parse lets pass.
func TestValidateOfAPlatformMadeInGo(t *testing.T) {
	passed := 0
	rapid.Check(t, func(t *rapid.T) {
		p := valid()
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			scramble(t, reflect.ValueOf(p).Elem())
		}
		if p.Validate() != nil {
			return
		}
		passed++
		text, err := Marshal(Minimal(p))
		if err != nil {
			t.Fatal(err)
		}
		q, err := Parse("p.yaml", text)
		if err != nil {
			t.Fatalf("Validate let pass what Parse refuses: %v\n%s", err, text)
		}
		if !reflect.DeepEqual(q, p.WithDefaults()) {
			t.Fatalf("it is read as another platform:\n%s", text)
		}
	})
	t.Logf("%d scrambled platforms were valid", passed)
}

func valid() *Platform {
	p := Defaults()
	p.Spec.Host.SSH.AuthorizedKeys = []SSHKey{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO1mlkOg+/OClZsY9glonbjeUlmwex+dIQ7V3RoBIpBX x"}
	p.Spec.Network.Public.IPv4 = Uplink{netip.MustParsePrefix("203.0.113.10/24"), netip.MustParseAddr("203.0.113.1")}
	p.Spec.Network.FlexibleIP.Address = netip.MustParseAddr("203.0.113.20")
	p.Spec.Network.FlexibleIP.MAC = MAC{0x52, 0x54, 0, 0xab, 0xcd, 0xef}
	p.Spec.Teleport.Teams = []TeamRoles{{Team: "admins"}}
	return p
}

// scramble walks to one value at random and replaces it.
func scramble(t *rapid.T, v reflect.Value) {
	if isLeaf(v.Type()) {
		scrambleLeaf(t, v)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		scramble(t, v.Elem())
	case reflect.Slice:
		n := rapid.IntRange(0, 5).Draw(t, "length")
		fresh := reflect.MakeSlice(v.Type(), n, n)
		reflect.Copy(fresh, v)
		v.Set(fresh)
		if n > 0 {
			scramble(t, v.Index(rapid.IntRange(0, n-1).Draw(t, "element")))
		}
	default:
		scramble(t, v.Field(rapid.IntRange(0, v.NumField()-1).Draw(t, "field")))
	}
}

func scrambleLeaf(t *rapid.T, v reflect.Value) {
	switch v.Interface().(type) {
	case netip.Addr:
		v.Set(reflect.ValueOf(drawAddr(t)))
		return
	case netip.Prefix:
		v.Set(reflect.ValueOf(netip.PrefixFrom(drawAddr(t), rapid.IntRange(-1, 129).Draw(t, "bits"))))
		return
	case netip.AddrPort:
		v.Set(reflect.ValueOf(netip.AddrPortFrom(drawAddr(t), rapid.Uint16().Draw(t, "port"))))
		return
	}
	r, _ := ruleOf(v.Type())
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.SampledFrom([]string{"", r.example, "v", "1.", "op://", "x.y"}), rapid.String()).Draw(t, "text"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.OneOf(rapid.Int64(), rapid.Int64Range(-2, 5000)).Draw(t, "number"))
	default:
		for i := range v.Len() { // MAC
			v.Index(i).SetUint(uint64(rapid.Byte().Draw(t, "byte")))
		}
	}
}

func drawAddr(t *rapid.T) netip.Addr {
	return netip.MustParseAddr(rapid.SampledFrom([]string{"0.0.0.0", "10.10.0.2", "10.10.0.77", "255.255.255.255", "::", "fe80::1%eth0", "::ffff:10.10.0.9", "2001:db8::1", "192.168.1.1", "127.0.0.1"}).Draw(t, "address"))
}
