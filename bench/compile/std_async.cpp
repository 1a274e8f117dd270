// Hello world: a task of `std::async`.
#include <future>
#include <iostream>

int add(int a, int b) { return a + b; }

int main() { std::cout << std::async(std::launch::async, add, 1, 2).get() << '\n'; }
