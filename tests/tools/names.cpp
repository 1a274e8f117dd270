// Goal: only what can be a host, a user or a port is taken for one. Method: the limits of RFC 1123
// from both sides, and what ssh or a shell would take for something else.

#include "tools/mobula/names.hpp"

#include <string>

#include "support/catch.hpp"
#include "tools/mobula/wrong.hpp"

using namespace mobula::launcher;

namespace {

/// Where `wrong` says that it is, or -1 where nothing is wrong.
template <class Check>
long place(Check check) {
  try {
    check();
  } catch (const wrong& about) {
    CHECK_FALSE(about.what.empty());
    CHECK_FALSE(about.help.empty());
    return static_cast<long>(about.at);
  }
  return -1;
}
long host_place(const std::string& name) {
  return place([&] { checked_host(name, 100); });
}
long user_place(const std::string& name) {
  return place([&] { check_user(name, 100); });
}
long port_place(const std::string& text) {
  return place([&] { checked_port(text, 100); });
}

}  // namespace

TEST_CASE("names have the letters and lengths of RFC 1123, and underscores", "[names]") {
  for (const std::string name : {"a", "node-1", "Node_1.Example.com", "3com.com", "1a", "a.",
                                 "xn--nde-sna", "x--y", "_gw"}) {
    CHECK(checked_host(name, 0) == name);
  }
  CHECK(host_place(std::string(63, 'a')) == -1);
  CHECK(host_place(std::string(64, 'a')) == 100);
  const std::string longest = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                              std::string(63, 'c') + "." + std::string(61, 'd');
  CHECK(longest.size() == 253);
  CHECK(host_place(longest) == -1);
  CHECK(host_place(longest + ".") == -1);
  CHECK(host_place(longest + "d") == 100);

  CHECK(host_place("") == 100);
  CHECK(host_place(".") == 100);
  CHECK(host_place("a..b") == 102);
  CHECK(host_place("-a") == 100);
  CHECK(host_place("a-.b") == 101);
  CHECK(host_place("a.-b") == 102);
  for (const char c : std::string(" /\\;$`'\"<>|&*?!=,~^()#+@\x01\x7f\xff")) {
    CHECK(host_place(std::string("ab") + c + "d") == 102);
  }
  CHECK(host_place(std::string("ab\0d", 4)) == 102);
}

TEST_CASE("what looks like an address is one", "[names]") {
  CHECK(checked_host("10.0.0.1", 0) == "10.0.0.1");
  for (const std::string name : {"10.0.0.256", "10.0.0", "1.2.3.4.5", "17", "a.17", "01.2.3.4"}) {
    CHECK(host_place(name) == 100);
  }
  CHECK(checked_host("0:0:0:0:0:0:0:1", 0) == "::1");
  CHECK(checked_host("FE80::1%Eth0.7", 0) == "fe80::1%Eth0.7");
  CHECK(checked_host("::ffff:10.0.0.7", 0) == "::ffff:10.0.0.7");
  for (const std::string name : {"1:2", ":::", "12345::", "::g", "1:2:3:4:5:6:7:8:9", "a:b"}) {
    CHECK(host_place(name) == 100);
  }
  CHECK(host_place(std::string("::1\0", 4)) == 100);
  CHECK(host_place("fe80::1%") == 107);
  CHECK(host_place("fe80::1%an-interface-name") == 107);
  CHECK(host_place("fe80::1%et h0") == 107);
}

TEST_CASE("two spellings of one host have one key", "[names]") {
  CHECK(host_key("Node1.Example.com.") == "node1.example.com");
  CHECK(host_key("fe80::1%Eth0") == "fe80::1%Eth0");
  CHECK(host_key("a") != host_key("b"));
}

TEST_CASE("a user can't be an option, nor have what a shell splits", "[names]") {
  for (const std::string name : {"alice", "a.b-c_d+e", "DOMAIN\\alice", "alice@example.com"}) {
    CHECK(user_place(name) == -1);
  }
  CHECK(user_place("") == 100);
  CHECK(user_place("-oProxyCommand") == 100);
  CHECK(user_place("a:b") == 101);
  CHECK(user_place(std::string(64, 'a')) == -1);
  CHECK(user_place(std::string(65, 'a')) == 100);
  for (const char c : std::string(" \"'$`;|&<>*?!(){}[]\x01\x7f\xff")) {
    CHECK(user_place(std::string("ab") + c) == 102);
  }
  CHECK(user_place(std::string("ab\0", 3)) == 102);
}

TEST_CASE("ports are from 1 to 65535", "[names]") {
  CHECK(checked_port("1", 0) == 1);
  CHECK(checked_port("65535", 0) == 65535);
  CHECK(checked_port("0022", 0) == 22);
  for (const std::string text :
       {"", "0", "65536", "-1", "+1", " 1", "1 ", "ssh", "99999999999999999999"}) {
    CHECK(port_place(text) == 100);
  }
}
