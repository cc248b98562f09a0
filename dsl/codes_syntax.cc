// R001-R019: mistakes of writing, found by the lexer and the grammar. One row per code: code, level, title,
// page, a rule text that earns it, the same mended. `explain CODE` and docs/diagnostics.md print these words.
#include "dsl/codes.h"

namespace tocsin::dsl {

std::vector<CodeInfo> syntax_codes() {
  return {
      {"R001", Level::error, "something else belongs here",
       "The text was read up to the marked place, and what stands there cannot follow what stands before it. The "
       "message "
       "names what can. One mistake of this kind hides no other: the next item is read as if nothing had happened.",
       "event login has user text\n"
       "rule many_logins when 5 login witin 5m by user  alert \"{user}\"\n",
       "event login has user text\n"
       "rule many_logins when 5 login within 5m by user  alert \"{user}\"\n"},
      {"R002", Level::error, "a sign that the language does not have",
       "This character means nothing outside of quotes. Often it came along when text was copied from a document: "
       "spaces "
       "that are no spaces, dashes that are no minus. The message says what to write instead where that is plain.",
       "event login has user text\n"
       "rule any_login when login @ by user  alert \"{user}\"\n",
       "event login has user text\n"
       "rule any_login when login by user  alert \"{user}\"\n"},
      {"R003", Level::error, "not closed on its line",
       "A text ends with `\"`, a regular expression with `/`, a name in backticks with a backtick, all on the line on "
       "which "
       "they began. So a quote that was forgotten costs one line and not the rest of the file. A new line inside a "
       "text is "
       "written `\\n`.",
       "event login has user text\n"
       "rule any_login when login by user  alert \"{user} is here\n",
       "event login has user text\n"
       "rule any_login when login by user  alert \"{user} is here\"\n"},
      {"R004", Level::error, "a part of a text that cannot be read",
       "In texts a backslash begins an escape: `\\\"`, `\\\\`, `\\n`, `\\t` or `\\u{e9}`. In the texts of alerts, of "
       "`with` and of "
       "runbooks, braces hold an expression: `{user}`, `{count + 1}`; a brace itself is written twice, `{{`.",
       "event login has user text\n"
       "rule any_login when login by user  alert \"{user is here\"\n",
       "event login has user text\n"
       "rule any_login when login by user  alert \"{user} is here\"\n"},
      {"R005", Level::error, "too deep or too long to be read",
       "At most 64 brackets may be open at one time, and one expression has at most 500 operators. People stop being "
       "able to "
       "read a filter long before that; give its parts names with `event e = x(filter)`, and compare with many values "
       "by "
       "`in [..]` or `in list L`.",
       "event login has n int\n"
       "event odd = login(n = "
       "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1"
       "))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))\n"
       "rule any_login when odd by all  alert \"{odd.n}\"\n",
       "event login has n int\n"
       "event odd = login(n = 1)\n"
       "rule any_login when odd by all  alert \"{odd.n}\"\n"},
      {"R006", Level::error, "not UTF-8 text",
       "Files of rules are UTF-8. The marked byte is part of no character: the file was saved in another encoding, or "
       "it is "
       "no text at all. Save it as UTF-8.",
       "// a file saved in another encoding\n", "// the same file, saved as UTF-8\n"},
      {"R007", Level::error, "file too large",
       "A file of rules has at most 16 MiB, which is more than a hundred thousand rules. Put rules into several files "
       "of one "
       "folder, and long lists of values into files of their own: `list L from \"lists/scanners.txt\"`.",
       "// a file of more than 16 MiB\n", "list scanners from \"lists/scanners.txt\"\n"},
      {"R008", Level::error, "a number or time that cannot be read",
       "Numbers are `10_000` and `1.5`, durations whole numbers with units, the largest first: `1h30m` (units `w d h m "
       "s ms us`), "
       "sizes `10MB` and `64KiB`, times of day `09:00`; a point in time stands in quotes. Months and years have no "
       "fixed length: write days.",
       "event login has user text\n"
       "rule many_logins when 5 login within 5min by user  alert \"{user}\"\n",
       "event login has user text\n"
       "rule many_logins when 5 login within 5m by user  alert \"{user}\"\n"},
      {"R009", Level::error, "not an address",
       "An address is four numbers of at most 255, `10.0.0.1`, or IPv6, `fe80::1`; a network has its length behind it: "
       "`10.0.0.0/8`.",
       "event login has ip ip\n"
       "event local = login(ip = 10.0.0.256)\n"
       "rule any_login when local by all  alert \"{local.ip}\"\n",
       "event login has ip ip\n"
       "event local = login(ip = 10.0.0.25)\n"
       "rule any_login when local by all  alert \"{local.ip}\"\n"},
      {"R010", Level::error, "brackets that do not match",
       "Every bracket has its other half. The message marks the place up to which the text makes sense without it; "
       "that is "
       "where the closing one belongs, or a little before.",
       "event login has user text\n"
       "rule roots when 5 login(user = \"root\" within 5m by all  alert \"root\"\n",
       "event login has user text\n"
       "rule roots when 5 login(user = \"root\") within 5m by all  alert \"root\"\n"},
      {"R011", Level::error, "an operator of another language",
       "Equality is one `=`; conditions are joined by the words `and`, `or` and `not`; steps follow each other with "
       "`then`; a "
       "regular expression is asked for with `matches /.../`.",
       "event login has user text\n"
       "rule roots when login(user == \"root\") by all  alert \"root\"\n",
       "event login has user text\n"
       "rule roots when login(user = \"root\") by all  alert \"root\"\n"},
      {"R012", Level::error, "a habit of another language",
       "It is plain what was meant, and it is written otherwise here. `by user` groups, without `group`; a number "
       "before an "
       "event counts it, `5 login_failed`; `within 5m` bounds; what an event must be like stands in its parentheses; a "
       "value "
       "that is not there is `missing`; the values of `in` stand in square brackets. `check --fix` writes it where it "
       "is certain.",
       "event login has user text\n"
       "rule many_logins when 5 login within 5m group by user  alert \"{user}\"\n",
       "event login has user text\n"
       "rule many_logins when 5 login within 5m by user  alert \"{user}\"\n"},
      {"R013", Level::error, "a duration without its unit",
       "`5` could be seconds, minutes or hours, and a wrong guess would be found out at night. Write `5s`, `5m` or "
       "`5h`, "
       "without a space and without quotes.",
       "event login has user text\n"
       "rule many_logins when 5 login within 5 by user  alert \"{user}\"\n",
       "event login has user text\n"
       "rule many_logins when 5 login within 5m by user  alert \"{user}\"\n"},
      {"R014", Level::error, "`within` before `then`",
       "`5 a within 1m then b` could bound the five, the step to b, or both together. Say which: `(5 a within 1m) then "
       "b` bounds "
       "what is in the parentheses, `5 a then within 1m b` the one step, `5 a then b within 1m` the whole.",
       "event login has user text\n"
       "event logout has user text\n"
       "rule in_and_out when 5 login within 1m then logout by user  alert \"{user}\"\n",
       "event login has user text\n"
       "event logout has user text\n"
       "rule in_and_out when (5 login within 1m) then within 10m logout by user  alert \"{user}\"\n"},
      {"R015", Level::error, "signs of another notation",
       "Text stands in straight double quotes, comments behind `//`; nothing ends with a semicolon, and no colon "
       "stands between "
       "a word and what it says. This is no YAML: newlines and indentation mean nothing.",
       "event login has user text;\n", "event login has user text\n"},
      {"R016", Level::error, "not a name",
       "Names of events, rules and lists are lower-case letters, digits and underscores, and no words of the language. "
       "Fields "
       "may be called like those words and may have capitals. Whatever the data dictates is a name in backticks: "
       "`User-Agent`.",
       "event login has user text\n"
       "rule many-logins when 5 login within 5m by user  alert \"{user}\"\n",
       "event login has user text\n"
       "rule many_logins when 5 login within 5m by user  alert \"{user}\"\n"},
      {"R017", Level::error, "a word of the language in capitals",
       "The words of the language are in lower case, so that `WITHIN` and `Within` can be names of fields.",
       "event login has user text\n"
       "rule many_logins when 5 login WITHIN 5m by user  alert \"{user}\"\n",
       "event login has user text\n"
       "rule many_logins when 5 login within 5m by user  alert \"{user}\"\n"},
      {"R018", Level::error, "a part in the wrong place",
       "The words are right, their order is not. Bounds such as `within` stand in the pattern, before the clauses, and "
       "once; a "
       "pattern cannot begin with `no`, since a match has to begin somewhere; `then no x within D` ends a pattern.",
       "event login has user text\n"
       "rule many_logins when 5 login by user within 5m  alert \"{user}\"\n",
       "event login has user text\n"
       "rule many_logins when 5 login within 5m by user  alert \"{user}\"\n"},
      {"R019", Level::error, "text outside of all items",
       "A file is made of items, and each begins with its word: `event`, `let`, `list`, `table`, `calendar`, "
       "`session`, "
       "`summary`, `template`, `rule`, `extend rule` or `test`. Nothing can stand before the first.",
       "5 login within 5m\n"
       "event login has user text\n",
       "event login has user text\n"
       "rule many_logins when 5 login within 5m by user  alert \"{user}\"\n"},
  };
}

}  // namespace tocsin::dsl
