# Reads the lines of `go test -json`; prints the end of what each failed test printed (of a panic the beginning), and of
# what a package printed that could not be built or in which no test failed by name. A test that began and never ended,
# because its program died, counts as failed.
def last_of($n): split("\n") | if length > $n then ["[…]"] + .[-$n:] else . end | join("\n");
def first_of($n): split("\n") | .[:$n] | join("\n");
def essence: gsub("[^\n]*level=DEBUG[^\n]*\n"; "")
	| if test("(^|\n)panic: ") then "panic: " + (split("panic: ")[1:] | join("panic: ") | first_of(40)) else last_of(40) end;

reduce (inputs | fromjson? // {Action: "output", Package: "go", Output: (. + "\n")}) as $e
	({printed: {}, failed: [], begun: {}};
	($e.Package // $e.ImportPath // "go") as $package
	| ([$package, $e.Test // ""] | tojson) as $key
	| if $e.Action == "output" or $e.Action == "build-output" then .printed[$key] += $e.Output
	  elif $e.Action == "run" then .begun[$key] = true
	  elif $e.Action == "fail" and ($e.Test | not) then .failed += (.begun | keys | map(select(fromjson[0] == $package))) + [$key]
	  elif $e.Action == "fail" or $e.Action == "build-fail" then .failed += [$key] | del(.begun[$key])
	  elif $e.Action == "pass" or $e.Action == "skip" then del(.begun[$key])
	  else . end)
| .printed as $printed
| (.failed | map(fromjson)) as $failed
| ($failed | map(select(.[1] != "") | .[0]) | unique) as $named
| $failed[]
| . as [$package, $test]
| select(if $test == "" then $named | index($package) | not
         else $failed | any(.[0] == $package and (.[1] | startswith($test + "/"))) | not end)
| "=== \($package) \($test)", ($printed[tojson] // "" | essence)
