"""Claims: findings come in; claim lines, held lines and attrition go out, and the bundle that carries them."""
