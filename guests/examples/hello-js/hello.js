// hello in JavaScript: the same world as ../hello, so a host cannot tell which one it runs.
export function greet(name) {
  return `hello, ${name}, from JavaScript`;
}
