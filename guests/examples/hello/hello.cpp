// hello: the smallest C++ guest. One string in, one string out.
#include "hello_cpp.h"

wit::string exports::hello::Greet(wit::string name) {
  return wit::string::from_view("hello, " + name.to_string());
}
