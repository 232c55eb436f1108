package schema

// The types of a parameter, as Proxmox names them.
const (
	String  = "string"
	Integer = "integer"
	Number  = "number"
	Boolean = "boolean"
	Array   = "array"
)

// Param is what one parameter, or one property of a property string, may be.
type Param struct {
	Type     string
	Optional bool
	Min, Max *float64
	MinLen   int // characters; 0 means no limit
	MaxLen   int // characters; 0 means no limit
	Enum     []string
	Pattern  string // anchored at both ends, as Proxmox does
	Format   string // name of a format, see formats.go
	Requires string // another parameter that has to be there when this one is
	Sub      Params // the property string that the value is

	Default  bool   // of a property string: the property that needs no key
	Alias    string // of a property string: another name for this property
	KeyAlias string // of a property string: the property that takes the name that was used
}

// Params are parameters by name. A name that ends in [n] stands for the names with
// the numbers from 0 to Count-1.
type Params map[string]Param

func (p Param) opt() Param                { p.Optional = true; return p }
func (p Param) def() Param                { p.Default = true; return p }
func (p Param) min(n float64) Param       { p.Min = &n; return p }
func (p Param) max(n float64) Param       { p.Max = &n; return p }
func (p Param) upTo(n int) Param          { p.MaxLen = n; return p }
func (p Param) atLeast(n int) Param       { p.MinLen = n; return p }
func (p Param) requires(o string) Param   { p.Requires = o; return p }
func (p Param) like(pattern string) Param { p.Pattern = pattern; return p }
func (p Param) format(f string) Param     { p.Format = f; return p }
func (p Param) of(values ...string) Param { p.Enum = values; return p }

func str() Param               { return Param{Type: String} }
func integer() Param           { return Param{Type: Integer} }
func number() Param            { return Param{Type: Number} }
func boolean() Param           { return Param{Type: Boolean} }
func formatted(f string) Param { return Param{Type: String, Format: f} }
func props(sub Params) Param   { return Param{Type: String, Sub: sub} }
func alias(of string) Param    { return Param{Alias: of} }

func with(sets ...Params) Params {
	all := Params{}
	for _, set := range sets {
		for name, p := range set {
			all[name] = p
		}
	}
	return all
}
