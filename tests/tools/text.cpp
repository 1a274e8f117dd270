// Goal: what comes out of a list reaches a terminal or a JSON reader as text and nothing else.
// Method: the cases where bytes and characters differ.

#include "tools/mobula/text.hpp"

#include <string>

#include "support/catch.hpp"

using namespace mobula::launcher;

TEST_CASE("characters are counted, and bytes that are none count one each", "[text]") {
  CHECK(characters_in("") == 0);
  CHECK(characters_in("node1") == 5);
  CHECK(characters_in("n\xc3\xb6"
                      "de") == 4);
  CHECK(characters_in("\xe2\x82\xac\xf0\x9f\x90\x9f") == 2);
  CHECK(characters_in("\xff\xfe") == 2);
  CHECK(characters_in("\xc3") == 1);              // Cut off.
  CHECK(characters_in("\xc0\xaf") == 2);          // Not the shortest form.
  CHECK(characters_in("\xed\xa0\x80") == 3);      // A surrogate.
  CHECK(characters_in("\xf4\x90\x80\x80") == 4);  // Behind the last one.
}

TEST_CASE("nothing that moves a cursor or changes a direction is printable", "[text]") {
  CHECK(is_printable("zone a, \xc3\xa4"));
  CHECK_FALSE(is_printable("a\tb"));
  CHECK_FALSE(is_printable("\x1b[31m"));
  CHECK_FALSE(
      is_printable("\xc2\x9b"
                   "31m"));  // The same as one character.
  CHECK_FALSE(
      is_printable("\xe2\x80\xae"
                   "abc"));                   // Right to left.
  CHECK_FALSE(is_printable("\xe2\x80\xa8"));  // A line's end.
  CHECK_FALSE(is_printable("\xff"));
  CHECK(printable("a\tb\x1b[31m\xffz\xc3\xa4") == "a b?[31m?z\xc3\xa4");
}

TEST_CASE("a JSON string is one, whatever is in it", "[text]") {
  CHECK(json_string("") == R"("")");
  CHECK(json_string("a\"b\\c\n\x01\x7f") == R"("a\"b\\c\u000a\u0001\u007f")");
  CHECK(json_string("\xc3\xa4\xff") == "\"\xc3\xa4\\ufffd\"");
}

TEST_CASE("an excerpt shows the place, however long the line is", "[text]") {
  const auto place = [](const std::string& line, std::size_t at) {
    const excerpt out = excerpt_of(line, at);
    return std::pair(out.text, out.caret);
  };
  CHECK(place("node1 slots=x", 12) == std::pair(std::string("node1 slots=x"), std::size_t{12}));
  CHECK(place("", 0) == std::pair(std::string(), std::size_t{0}));
  CHECK(place("abc", 99) == std::pair(std::string("abc"), std::size_t{3}));
  // In the middle of a megabyte.
  std::string line(1'000'000, 'a');
  line[500'000] = 'X';
  const excerpt middle = excerpt_of(line, 500'000);
  CHECK(middle.text == "..." + std::string(48, 'a') + "X" + std::string(27, 'a') + "...");
  CHECK(middle.text[middle.caret] == 'X');
  // Two bytes a character: the cut is between characters.
  std::string wide;
  for (int i = 0; i < 1000; ++i) wide += "\xc3\xa4";
  const excerpt cut = excerpt_of(wide, 1000);
  CHECK(cut.caret == 3 + 48);
  CHECK(characters_in(cut.text) == 3 + 48 + 28 + 3);
  CHECK(is_printable(cut.text));
  CHECK(cut.text.find('?') == std::string::npos);
}

TEST_CASE("a word and its number agree", "[text]") {
  CHECK(counted(0, "host") == "0 hosts");
  CHECK(counted(1, "host") == "1 host");
  CHECK(counted(2, "host") == "2 hosts");
  CHECK(padded("\xc3\xa4", 3) == "\xc3\xa4  ");
  CHECK(padded("long", 2) == "long");
  CHECK(is_number("0123"));
  CHECK_FALSE(is_number(""));
  CHECK_FALSE(is_number("1a"));
}
